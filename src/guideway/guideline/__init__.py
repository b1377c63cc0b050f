"""A package of artifacts: load it, resolve its canonicals, compile its logic.

- ``package.load(path)``: the artifacts of a folder, a FHIR package or a Bundle.
- ``compiled.open_guideline(path)``: the same, compiled and kept in the cache; what ``apply`` works from.
- ``locate.installed_guideline()``: the guideline that came with this program.
"""
