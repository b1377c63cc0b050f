"""The value sets and code systems at hand, by canonical, and membership in them.

Takes ValueSets and CodeSystems as JSON; answers whether a code is in a value set, and which are in it. A code matches when
both its code and its system are the same, character for character (CQL 1.5, ``Code`` equivalence; FHIR R4 terminology module):
a code without a system is in no value set. A value set that is missing or cannot be enumerated raises ``UnresolvedValueSet``
— false would read as "the patient does not have it".

Canonicals may carry a version, ``url|version``. Without one, the newest version at hand counts.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from msgspec.structs import astuple

from guideway.diagnostics import GuidewayError
from guideway.terminology.members import Json, Member, UnresolvedValueSet

if TYPE_CHECKING:
    from guideway.terminology.expansion import Concept

__all__ = ["AmbiguousCode", "Member", "UnresolvedValueSet", "ValueSetIndex", "split_canonical", "version_key"]


_SYSTEM = "codesystem "
"""What stands before the url of a code system in a snapshot; no url begins so."""


class AmbiguousCode(GuidewayError):
    """A bare string was looked for in a value set that draws on several code systems (CQL 1.5, In (Valueset))."""


def split_canonical(url: str, version: str | None = None) -> tuple[str, str | None]:
    """The url and version of a canonical; a version given beside it wins.

    >>> split_canonical("http://example.org/vs|1.0.0")
    ('http://example.org/vs', '1.0.0')
    """
    base, _, written = url.partition("|")
    return base, version or written or None


def version_key(version: str | None) -> tuple[tuple[int, int, str], ...]:
    """A sort key for versions: numbers by value, words by letter, a release after its pre-releases, none before all.

    >>> sorted(["1.10.0", "1.9.0", "1.10.0-draft"], key=version_key)
    ['1.9.0', '1.10.0-draft', '1.10.0']
    """
    if version is None:
        return ()
    release, dash, pre = version.partition("-")

    def parts(text: str) -> list[tuple[int, int, str]]:
        return [(1, int(p), "") if p.isdecimal() else (0, 0, p) for p in text.split(".")]

    end = [(-1, 0, ""), *parts(pre)] if dash else [(0, 0, "")]
    return (*parts(release), *end)


def _canonical(url: str, version: str | None) -> str:
    return url if version is None else f"{url}|{version}"


class ValueSetIndex:
    """Value sets and code systems by canonical; expansions are made when first asked for and kept."""

    __slots__ = ("_code_systems", "_codes", "_members", "_systems", "_table", "_value_sets")

    def __init__(self, resources: Iterable[Json] = ()) -> None:
        self._value_sets: dict[str, dict[str | None, Json]] = {}
        self._code_systems: dict[str, dict[str | None, Json]] = {}
        self._members: dict[tuple[str, str | None], tuple[Member, ...] | str] = {}
        self._table: Mapping[str, Any] = {}
        """What a snapshot says."""
        self._codes: dict[tuple[str, str | None], frozenset[tuple[str, str]]] = {}
        self._systems: dict[str, dict[str | None, frozenset[str]]] = {}
        for resource in resources:
            self.add(resource)

    def add(self, resource: Json) -> None:
        """Add a ValueSet or CodeSystem; resources of other types and those without a url are passed over."""
        shelf = {"ValueSet": self._value_sets, "CodeSystem": self._code_systems}.get(str(resource.get("resourceType")))
        url = resource.get("url")
        if shelf is not None and isinstance(url, str):
            shelf.setdefault(url, {})[resource.get("version")] = resource
            self._members.clear()
            self._table = {}
            self._codes.clear()
            self._systems.clear()

    # -- what is there

    def urls(self) -> tuple[str, ...]:
        """The urls of all value sets at hand, sorted."""
        said = (split_canonical(name)[0] for name in self._table if not name.startswith(_SYSTEM))
        return tuple(sorted({*self._value_sets, *(url for url, _ in self._members), *said}))

    def value_set(self, url: str, version: str | None = None) -> Json | None:
        """The ValueSet resource, or None."""
        return _pick(self._value_sets, *split_canonical(url, version))

    def code_system(self, url: str, version: str | None = None) -> Json | None:
        """The CodeSystem resource, or None."""
        return _pick(self._code_systems, *split_canonical(url, version))

    # -- membership

    def contains(self, valueset_url: str, version: str | None, code: str | None, system: str | None) -> bool:
        """Whether a code is in a value set. Raises UnresolvedValueSet where that cannot be told."""
        members = self._codes.get((valueset_url, version))
        if members is None:
            members = self.codes(valueset_url, version)
        return (system, code) in members

    def contains_string(self, valueset_url: str, version: str | None, code: str) -> bool:
        """Whether some member has this code, for CQL's discouraged ``'text' in "Value Set"``. Raises AmbiguousCode where the
        value set draws on several code systems, as CQL 1.5 demands."""
        members = self.codes(valueset_url, version)
        systems = sorted({system for system, _ in members})
        if len(systems) > 1:
            raise AmbiguousCode(
                f"Value set {valueset_url} draws on several code systems ({', '.join(systems)}): "
                f"the bare string {code!r} cannot be looked for in it. Compare a Code instead."
            )
        return any(member == code for _, member in members)

    def codes(self, url: str, version: str | None = None) -> frozenset[tuple[str, str]]:
        """The members as ``(system, code)``. Raises UnresolvedValueSet."""
        found = self._codes.get((url, version))
        if found is None:
            rows = self._said_of(*split_canonical(url, version))
            if rows and not isinstance(rows, str):
                found = frozenset((row[0], row[1]) for row in rows)
            else:
                found = frozenset((member.system, member.code) for member in self.members(url, version))
            self._codes[url, version] = found
        return found

    def displays(self, url: str, version: str | None = None) -> dict[tuple[str, str], str]:
        """What the expansion calls its members, by ``(system, code)``; without those it has no name for. Raises
        UnresolvedValueSet."""
        rows = self._said_of(*split_canonical(url, version))
        if rows and not isinstance(rows, str):
            return {(row[0], row[1]): row[2] for row in rows if row[2]}
        return {(member.system, member.code): member.display for member in self.members(url, version) if member.display}

    def members(self, url: str, version: str | None = None) -> tuple[Member, ...]:
        """The members with display and version, sorted by system and code. Raises UnresolvedValueSet."""
        key = split_canonical(url, version)
        found = self._members.get(key)
        if found is None:
            rows = self._said_of(*key)
            if rows is None or isinstance(rows, str):
                found = self._expand(*key) if rows is None else rows
            else:
                found = tuple(Member(*row) for row in rows)
            self._members[key] = found
        if isinstance(found, str):
            raise UnresolvedValueSet(found)
        return found

    def _said_of(self, url: str, version: str | None) -> Sequence[Any] | str | None:
        """What a snapshot says of a value set: its members, or why there are none."""
        return self._table.get(_canonical(url, version))

    def _expand(self, url: str, version: str | None) -> tuple[Member, ...] | str:
        resource = _pick(self._value_sets, url, version)
        if resource is None:
            return _missing(url, version, self._value_sets.get(url))
        from guideway.terminology.expansion import Lookup, expand

        try:
            found = expand(resource, Lookup(self.value_set, self.code_system))
        except UnresolvedValueSet as error:
            return str(error)
        return tuple(found[key] for key in sorted(found))

    def in_code_system(self, url: str, version: str | None, code: str | None) -> bool:
        """Whether a code system has a code. Raises UnresolvedValueSet where the code system is not at hand as a whole."""
        url, version = split_canonical(url, version)
        code_system = self.code_system(url, version)
        known = self._systems.get(url)
        if known is None:
            start = f"{_SYSTEM}{url}|"
            said = {name[len(start) :] or None: frozenset(self._table[name]) for name in self._table if name.startswith(start)}
            known = self._systems.setdefault(url, said)
        if code_system is not None:
            version = code_system.get("version")
            if version not in known and code_system.get("content") == "complete":
                known[version] = frozenset(_concepts(code_system))
        elif version is None and known:
            version = max(known, key=version_key)
        found = known.get(version)
        if found is None:
            raise UnresolvedValueSet(f"Code system {url} is not at hand as a whole: whether it has code {code!r} is unknown.")
        return code in found

    def display(self, system: str, code: str) -> str | None:
        """What the code systems at hand, else the value sets at hand, call a code; None where they do not name it."""
        code_system = self.code_system(system)
        if code_system is not None:
            entry = _concepts(code_system).get(code)
            if entry is not None and entry.display:
                return entry.display
        for url in sorted(self._value_sets):
            try:
                members = self.members(url)
            except UnresolvedValueSet:
                continue
            for member in members:
                if member.code == code and member.system == system and member.display:
                    return member.display
        return None

    # -- a compiled form

    def snapshot(self, urls: Iterable[tuple[str, str | None]] | None = None) -> dict[str, Any]:
        """The expansions as plain tuples and text, fit for marshal or JSON; ``urls`` limits it to what a program uses. Value sets
        that cannot be enumerated keep their reason. Whole code systems are there with their codes."""
        wanted = [(url, None) for url in self._value_sets] if urls is None else [split_canonical(u, v) for u, v in urls]
        table: dict[str, Any] = {}
        for url, version in sorted(wanted, key=lambda key: (key[0], key[1] or "")):
            name = _canonical(url, version)
            try:
                table[name] = [astuple(member) for member in self.members(url, version)]
            except UnresolvedValueSet as error:
                table[name] = str(error)
        for url in sorted(self._code_systems):
            for version, resource in sorted(self._code_systems[url].items(), key=lambda item: item[0] or ""):
                if resource.get("content") == "complete":
                    table[f"{_SYSTEM}{url}|{version or ''}"] = sorted(_concepts(resource))
        return table

    @classmethod
    def from_snapshot(cls, table: Mapping[str, Any]) -> ValueSetIndex:
        """An index that answers membership from ``snapshot()``; it holds no resources."""
        index = cls()
        index._table = table
        return index


def _concepts(code_system: Json) -> dict[str, Concept]:
    """The concepts of a code system. A run whose value sets are expanded already does without ``expansion``."""
    from guideway.terminology.expansion import concept_table

    return concept_table(code_system)


def _pick(shelf: Mapping[str, Mapping[str | None, Json]], url: str, version: str | None) -> Json | None:
    """The resource of that url and version; without a version the newest."""
    versions = shelf.get(url)
    if not versions:
        return None
    if version is not None:
        return versions.get(version)
    return versions[max(versions, key=version_key)]


def _missing(url: str, version: str | None, others: Mapping[str | None, Json] | None) -> str:
    if others:
        held = ", ".join(str(v) for v in sorted(others, key=version_key))
        return f"Value set {url} is not at hand in version {version}; there is: {held}."
    return f"Value set {url} is not at hand. Add the ValueSet resource to the guideline's value sets."
