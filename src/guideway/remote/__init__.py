"""The one client of FHIR and terminology servers."""
