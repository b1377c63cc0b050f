"""A package of artifacts: load it, resolve its canonicals, and view it with types."""
