"""Guideway: computable clinical guidelines.

Recommendations are authored as FHIR R4 PlanDefinition and ActivityDefinition resources with CQL logic; this package checks them,
applies them to patient data and explains every outcome. See docs/architecture.md for the way through the house.
"""

__version__ = "0.1.0"
