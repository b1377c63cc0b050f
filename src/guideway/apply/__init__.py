"""PlanDefinition/$apply: conditions, requests, explanation, data needed, conflicts."""
