"""Patient data: decode, index, join, and say what was excluded and why."""
