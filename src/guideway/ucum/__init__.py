"""Units of measure: exact rational conversion of UCUM units (https://ucum.org/ucum).

``guideway.ucum.grammar`` reads a unit into its size and dimension, ``conversion`` converts values and multiplies units,
``advice`` says what is wrong with a string that is no unit and what was probably meant; ``units`` is the table of facts.
"""
