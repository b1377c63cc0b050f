"""FHIR R4 (4.0.1) facts: types, elements, choice types, and the checking of artifacts."""
