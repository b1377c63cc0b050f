"""Code systems, value sets, their expansion and membership."""

from guideway.terminology.members import Member, UnresolvedValueSet
from guideway.terminology.valuesets import AmbiguousCode, ValueSetIndex

__all__ = ["AmbiguousCode", "Member", "UnresolvedValueSet", "ValueSetIndex"]
