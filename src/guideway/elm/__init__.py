"""The ELM tree: nodes, static types, and JSON and XML in and out."""
