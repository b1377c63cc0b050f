"""CQL text to tokens, to a syntax tree, to typed and resolved ELM."""
