"""The ASGI application: CDS Hooks and FHIR operations."""
