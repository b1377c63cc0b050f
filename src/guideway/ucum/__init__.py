"""Units of measure: exact rational conversion of UCUM units."""
