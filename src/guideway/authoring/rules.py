"""Every rule of ``guideway validate``, apart from what the CQL translator and the FHIR checker say: id, severity, meaning.

The table is the one place where a rule's severity stands; ``breach`` makes the diagnostic. docs/validate.md lists the same rules,
and a test keeps the two together. Ids are stable: people suppress and link to them.
"""

from __future__ import annotations

from typing import NamedTuple

from guideway.diagnostics import Diagnostic, Severity
from guideway.guideline.package import Artifact

E, W, I = Severity.error, Severity.warning, Severity.information  # noqa: E741


class Rule(NamedTuple):
    """One rule."""

    id: str
    severity: Severity
    text: str


RULES: dict[str, Rule] = {
    rule[0]: Rule(*rule)
    for rule in (
        # the package
        ("package-manifest", E, "package.json says what a FHIR package manifest must: name, version, canonical, FHIR versions."),
        ("json-duplicate-key", E, "A key stands twice in one JSON object: readers keep one of them, and not all the same one."),
        ("suppression-reason", E, "package.json suppresses a rule without saying why, or names no such rule."),
        ("suppression-unused", W, "package.json suppresses what no longer occurs."),
        # artifacts
        ("artifact-json", E, "A file is not JSON."),
        ("artifact-type", E, "A file is not a FHIR resource."),
        ("artifact-unnamed", W, "An artifact has neither a URL nor an id."),
        ("artifact-entry", W, "An entry of a Bundle holds no resource."),
        ("artifact-duplicate", E, "Two artifacts have the same URL and version."),
        ("artifact-id-missing", E, "An artifact has no id."),
        ("artifact-id-duplicate", E, "Two artifacts of one type have the same id."),
        ("artifact-file-name", W, "A file is not named Type-id.json, by which other engines find it."),
        ("artifact-url-id", E, "A URL does not end in Type/id (for libraries: Library/name)."),
        ("artifact-canonical-base", E, "A URL does not begin with the package's canonical base."),
        ("artifact-name", W, "A name is not PascalCase: it is used as an identifier in code."),
        ("artifact-name-duplicate", E, "Two artifacts of one type have the same name; commands take plans by name."),
        (
            "artifact-shareable",
            W,
            "Metadata that the CRMI shareable profiles require are missing (an error where the profile is claimed).",
        ),
        ("artifact-publishable", W, "The date or publisher that the CRMI publishable profiles ask for is missing."),
        ("artifact-unused", W, "Nothing in the package refers to an activity, questionnaire, value set or code system."),
        ("library-content", W, "The content of a Library cannot be read."),
        ("library-elm", E, "The ELM of a Library cannot be read."),
        ("library-not-compiled", E, "A library could be translated but not compiled."),
        ("library-out-of-sync", E, "A Library resource carries other CQL than the .cql file of the same name and version."),
        ("library-content-type", W, "A Library's CQL is not of type text/cql, by which other engines find it."),
        # references
        ("canonical-unresolved", E, "A canonical within the package's base leads nowhere."),
        ("canonical-version", E, "A canonical names a version that is not there."),
        ("canonical-type", E, "A canonical leads to an artifact of a type that does not belong there."),
        ("canonical-contained", E, "A local reference leads to no contained resource."),
        # plans
        ("plan-type", E, "A plan's type is not the one that its profile prescribes."),
        ("plan-profile", E, "An action lacks what the plan's CPG profile requires, or has what it forbids."),
        ("plan-cycle", E, "Plans refer to each other in a circle."),
        ("plan-unreached", I, "No other plan leads to a plan, though there are plans that collect others."),
        ("action-id-missing", W, "An action has no id: explanations and tests cannot name it."),
        ("action-id-duplicate", E, "Two actions of one plan have the same id."),
        ("action-empty", W, "An action without parts has neither a definition nor a text that says what to do."),
        ("related-action-unknown", E, "A related action is not in the plan."),
        ("related-action-cycle", E, "Actions wait for each other in a circle."),
        ("exclusive-group-single", W, "An exclusive group has one member: nothing is exclusive about it."),
        ("condition-kind", E, "A condition has no expression: engines differ in whether it holds."),
        ("applicability-behavior", W, "A plan or group has an applicability behaviour that is neither all nor any."),
        ("trigger-missing", I, "A recommendation has no trigger, so no event brings it up."),
        # logic
        ("artifact-libraries", E, "A plan or activity names more than one library, so its expressions are ambiguous."),
        ("expression-language", E, "An expression is in a language that is not evaluated."),
        (
            "library-untranslated",
            E,
            "The expressions of an artifact are looked up in a library that cannot be translated; told where nothing says why.",
        ),
        ("expression-unknown", E, "An expression names no define, or cannot be translated."),
        ("expression-not-boolean", E, "A condition is not Boolean."),
        ("condition-constant", W, "A condition is a constant: it always or never applies."),
        ("define-null", W, "A define is null: a stub that was left in."),
        ("define-unused", I, "Nothing refers to a define, neither logic nor artifact nor tag."),
        ("clock-read", I, "Logic reads the clock; engines that do not let it be set cannot test such logic at a given date."),
        ("library-name", W, "A library's name is longer than 30 characters or not plain letters and digits."),
        ("valueset-unknown", E, "CQL declares a value set that is not in the package."),
        ("valueset-local-name", I, "CQL calls a value set by another name than its title."),
        ("code-unknown", E, "CQL declares a code that its code system, which is in the package, does not have."),
        # terminology
        ("valueset-unresolved", E, "The codes of a value set cannot be told from what is at hand."),
        ("valueset-empty", E, "A value set has no codes."),
        ("valueset-expansion-partial", E, "An expansion does not hold all codes."),
        ("valueset-compose-expansion-differ", E, "Composition and expansion have different codes."),
        ("valueset-code-twice", W, "A value set lists a code twice."),
        ("valueset-system", E, "A value set names a code system by something that is no absolute URL, or by a value set's URL."),
        ("valueset-code-unknown", E, "A value set lists a code that its code system, which is in the package, does not have."),
        ("valueset-copyright", W, "A value set uses codes whose licence asks for a notice in its copyright."),
        # evidence
        ("evidence-missing", E, "A recommendation lacks strength, quality of evidence, direction or citation."),
        ("evidence-locator", W, "A citation does not say where in the source the statement stands."),
        ("evidence-direction", E, "Direction and doNotPerform contradict each other."),
        ("evidence-text", W, "A recommendation has no description: nothing says in words what is recommended."),
        # dosage
        ("dose-unit", E, "A dose has no UCUM unit."),
        ("dose-maximum", E, "The maximum dose is smaller than one dose."),
        ("dose-incomplete", W, "A dosage with a dose lacks its route or timing."),
    )
}


def breach(
    rule: str,
    message: str,
    artifact: Artifact | None = None,
    pointer: str | None = None,
    hint: str | None = None,
    *,
    file: str | None = None,
    severity: Severity | None = None,
) -> Diagnostic:
    """A diagnostic of a rule, about an artifact (its place is filled in) or a file."""
    inside = ""
    if artifact is not None:
        file, _, inside = artifact.file.partition("#")
        message = f"{artifact.type} {artifact.id}: {message}"
    return Diagnostic(rule, severity or RULES[rule].severity, message, file, None, (inside + (pointer or "")) or None, hint)
