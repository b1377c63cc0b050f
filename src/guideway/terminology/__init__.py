"""Code systems, value sets, their expansion and membership."""
