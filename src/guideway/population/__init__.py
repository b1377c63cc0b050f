"""Whole populations from bulk exports."""
