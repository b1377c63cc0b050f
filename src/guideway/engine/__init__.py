"""ELM to generated Python; the runtime's values and operators; the trace."""
