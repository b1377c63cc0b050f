"""The runtime's values: what CQL's types are in Python.

Boolean is ``bool``, Integer ``int``, Long :class:`Long`, Decimal ``decimal.Decimal``, String ``str``, List ``list``, null
``None``; the rest are the small immutable classes exported here. Python's ``==`` on them is structural identity; CQL's own
equality, equivalence and comparison are operators (``guideway.engine.operators``).
"""

from guideway.engine.values.clinical import Code, CodeSystemRef, Concept, ValueSetRef
from guideway.engine.values.collections import Interval, TupleValue
from guideway.engine.values.numbers import Long
from guideway.engine.values.quantity import Quantity, Ratio
from guideway.engine.values.temporal import Date, DateTime, Time, evaluation_offset, using_offset
from guideway.engine.values.uncertainty import Uncertainty

__all__ = [
    "Code",
    "CodeSystemRef",
    "Concept",
    "Date",
    "DateTime",
    "Interval",
    "Long",
    "Quantity",
    "Ratio",
    "Time",
    "TupleValue",
    "Uncertainty",
    "ValueSetRef",
    "evaluation_offset",
    "using_offset",
]
