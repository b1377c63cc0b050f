"""``guideway apply``: patients in, explained outcomes out.

Reads everything, evaluates everything, then writes once. The clock is read here and nowhere below, and only where ``--as-of``
is not given.
"""

from __future__ import annotations

import gc
import sys
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

import msgspec

from guideway import patterns
from guideway.cli.options import Option
from guideway.cli.output import show_lines, write_result
from guideway.diagnostics import GuidewayError, Severity
from guideway.stamps import digest

if TYPE_CHECKING:
    from guideway.apply.comparing import Comparison
    from guideway.apply.outcome import PatientOutcome
    from guideway.apply.what_if import Setting
    from guideway.cli.lines import Line
    from guideway.guideline.compiled import CompiledGuideline
    from guideway.records.record import PatientRecord
FEW = 8
"""So many patients fit into memory without the garbage collector, which start-up turns off."""

_MADE: list[Any] = []
"""What was made for the few patients of a run: the process ends before anybody has to take it apart, which would take time."""

OPTIONS: tuple[Option, ...] = (
    Option("data", ("--data",), "A folder of NDJSON files, one per resource type, instead of bundles.", "DIR"),
    Option("patient", ("--patient",), "Only this patient, by id, reference or identifier.", "ID"),
    Option("server", ("--fhir-server",), "A FHIR server that has the patient; with --patient.", "URL"),
    Option("token_file", ("--token-file",), "The bearer token for it.  [default: GUIDEWAY_TOKEN, if set]", "FILE"),
    Option("client_id", ("--client-id",), "SMART Backend Services: the name that the server knows; with --client-key.", "ID"),
    Option("client_key", ("--client-key",), "SMART Backend Services: the private key, a JWK.", "FILE"),
    Option("seconds", ("--timeout",), "For everything that is asked of the server.", "SECONDS", "60"),
    Option("plans", ("--plan",), "A plan by id or name; repeatable.  [default: all]", "ID", many=True),
    Option("package", ("--package",), "A guideline: folder, FHIR package (.tgz) or Bundle.  [default: guideway's own]", "PATH"),
    Option("as_of", ("--as-of",), "The moment of the evaluation, such as 2026-06-01.  [default: now]", "DATETIME"),
    Option("timezone", ("--timezone",), "Where times without an offset are taken to be.", "ZONE", "UTC"),
    Option("parameters", ("--parameter",), "A parameter of the guideline; repeatable.", "NAME=VALUE", many=True),
    Option("terminology", ("--terminology-server",), "A FHIR server for value sets whose codes are not at hand.", "URL"),
    Option("settings", ("--set",), "What if: a data element for this run; repeatable.", "ELEMENT=VALUE", many=True),
    Option("hook", ("--hook",), "The occasion: which plans answer.", "HOOK", "patient-view"),
    Option("context", ("--context",), "The context of the hook, as CDS Hooks sends it (draft orders).", "FILE"),
    Option("policy", ("--policy",), "How requests are written: CPG, the Java reference, or the letter of FHIR.", None, "cpg",
           ("cpg", "cqf", "spec")),
    Option("form", ("--format",), "For people: table, markdown. For programs: a CarePlan (json), its resources, the outcome.",
           None, "table", ("table", "json", "bundle", "requests", "markdown", "outcome")),
    Option("explain", ("--explain",), "Every recommendation in full, with each condition and the values behind it.", flag=True),
    Option("target", ("-o", "--output"), "Write there instead of standard output.", "FILE"),
    Option("failing", ("--fail-on",), "Exit with status 1 at a finding, or at something unknown; repeatable.", None, None,
           ("finding", "unknown"), many=True),
)  # fmt: skip

HELP = """Apply the guideline to patients and explain every outcome.

BUNDLE is a FHIR Bundle of any type (or NDJSON, or a single resource), and - is standard input. Several files are read as one
input; every patient in it gets an outcome.

\b
  guideway apply patient.json
  guideway apply patient.json --plan PLAN --explain
  guideway apply --data export/ --patient 42 --format json -o plan.json
  guideway apply --fhir-server https://fhir.example.org/r4 --patient 42
  guideway apply patient.json --as-of 2026-06-01 --set 'ELEMENT=0.8 10*9/L'
"""


def apply(
    *,
    bundles: tuple[str, ...],
    data: str | None,
    patient: str | None,
    server: str | None,
    token_file: str | None,
    client_id: str | None,
    client_key: str | None,
    seconds: str,
    plans: tuple[str, ...],
    package: str | None,
    as_of: str | None,
    timezone: str,
    parameters: tuple[str, ...],
    terminology: str | None,
    settings: tuple[str, ...],
    hook: str,
    context: str | None,
    policy: str,
    form: str,
    explain: bool,
    target: str | None,
    failing: tuple[str, ...],
) -> int:
    """The command; gives the exit status."""
    if data is None and not bundles and server is None:
        raise GuidewayError("give a bundle, - for standard input, --data DIR, or --fhir-server URL")
    if sum((data is not None, bool(bundles), server is not None)) > 1:
        raise GuidewayError("give bundles, --data or --fhir-server, not several of them")
    if server is not None and patient is None:
        raise GuidewayError("--fhir-server needs --patient ID: which patient on that server")
    if server is None and (token_file or client_id or client_key):
        raise GuidewayError("--token-file, --client-id and --client-key belong to --fhir-server")
    given = given_once([assignment(text, "--parameter") for text in parameters])
    from guideway.guideline.compiled import open_guideline

    guideline = with_plans(open_guideline(package), package)
    if guideline.entry is not None:
        cache, key, kept = guideline.entry
        patterns.use(cache, digest(patterns.KIND, sys.version, key), kept)
    if terminology is not None:
        from guideway.remote.terminology import Terminology

        guideline.terminology = Terminology.of_user(guideline.terminology, terminology)
    for plan in plans:
        guideline.plan(plan)
    if hook != "patient-view":
        check_hook(guideline, hook)
    level = _level(form, explain, in_short=not plans and not settings)
    run = Run(guideline, plans, as_of, timezone, given, hook, context, policy, level)
    changes = run.settings(settings)
    outcomes: list[PatientOutcome] = []
    differences: list[WhatIf] = []
    if server is not None and patient is not None:
        from guideway.cli.fhir_server import FhirSource

        source = FhirSource(server, token_file=token_file, client_id=client_id, client_key=client_key, seconds=seconds)
        records: Iterator[PatientRecord] = iter([source.record(patient, guideline, plans)])
    else:
        records = _records(bundles, data, patient)
    _MADE[:] = guideline, outcomes, records
    for number, record in enumerate(records):
        if changes:
            differences.append(run.what_if(record, changes))
            outcomes.append(differences[-1].after)
            if form not in ("table", "markdown"):  # which begin with it
                outcomes[-1].disclaimer = [differences[-1].remark(), *outcomes[-1].disclaimer]
        else:
            outcomes.append(run.evaluate(record))
        if number == FEW:
            gc.enable()
            _MADE.clear()
    _write(outcomes, differences, form, explain, target, detail=bool(plans))
    return 1 if any(_fails(outcome, failing) for outcome in outcomes) else 0


def with_plans(guideline: CompiledGuideline, package: str | None) -> CompiledGuideline:
    """The guideline, if there is anything to apply in it; GuidewayError otherwise."""
    if not guideline.plans:
        where = package if package is not None else guideline.manifest.label
        unread = next((finding.message for finding in guideline.findings), "")
        raise GuidewayError(
            f"{where}: there is no PlanDefinition in it, so there is nothing to apply{f' ({unread})' if unread else ''}. "
            "Give the folder, FHIR package or Bundle that holds the plans."
        )
    return guideline


class WhatIf(msgspec.Struct, frozen=True):
    """What ``--set`` did to one patient's outcome."""

    subject: str
    notes: list[str]
    comparison: Comparison
    after: PatientOutcome

    def remark(self) -> str:
        """What every form says, so that nobody takes it for what is on record."""
        return f"What if, not what is on record: {'; '.join(self.notes)}."


class Run:
    """What the options say, ready to be applied to one patient after the other."""

    def __init__(
        self,
        guideline: CompiledGuideline,
        plans: Sequence[str],
        as_of: str | None,
        timezone: str,
        parameters: dict[str, Any],
        hook: str,
        context: str | None,
        policy: str,
        explain: bool | str,
    ) -> None:
        from guideway.apply.moment import moment

        self.guideline = guideline
        self.number = 0
        self.when = moment(as_of if as_of is not None else now(), timezone)
        if context is not None:
            parameters = {**_context_parameters(guideline, context), **parameters}
        self.options: dict[str, Any] = {"plans": plans or None, "as_of": self.when, "timezone": timezone, "hook": hook}
        self.options |= {"parameters": parameters, "policy": policy, "explain": explain}

    def evaluate(self, record: PatientRecord, **more: Any) -> PatientOutcome:
        """The outcome of one patient."""
        from guideway.apply.run import apply_guideline

        made = _MADE if self.number <= FEW else None
        self.number += 1
        return apply_guideline(self.guideline, record, **self.options, **more, made=made)

    def settings(self, texts: Sequence[str]) -> list[Setting]:
        """The changes that ``--set`` asks for."""
        if not texts:
            return []
        from guideway.apply.what_if import settings_of

        return settings_of(texts, self.guideline)

    def what_if(self, record: PatientRecord, settings: Sequence[Setting]) -> WhatIf:
        """The outcome with the changes, and how it differs from the one without."""
        from guideway.apply.comparing import compare
        from guideway.apply.what_if import change

        before = self.evaluate(record)
        changed = change(record, settings, self.guideline, self.when)
        after = self.evaluate(changed.record, overrides=changed.overrides)
        return WhatIf(before.subject, changed.notes, compare(before, after), after)


def _level(form: str, explain: bool, in_short: bool) -> bool | str:
    """How much is explained: what the view shows. Of what does not apply only the reason, unless everything is asked for; the
    views for people also leave out what much that cannot be known yet rests on."""
    if explain or form == "outcome":
        return explain and form not in ("table", "markdown")  # which do not show the trace
    return "short" if in_short and form in ("table", "markdown") else "brief"


def _context_parameters(guideline: CompiledGuideline, file: str) -> dict[str, Any]:
    from guideway.apply.hook_context import hook_parameters, read_context
    from guideway.records.decode import decode
    from guideway.records.reading import file_bytes

    return hook_parameters(guideline, read_context(decode(file_bytes(file), file).value, file))


def _records(bundles: Sequence[str], data: str | None, patient: str | None) -> Iterator[PatientRecord]:
    if data is not None:
        from guideway.records.folder import read_folder

        yield from read_folder(data, patient)
        return
    from guideway.records.reading import read_files, select

    found = read_files(bundles)
    yield from [select(found, patient)] if patient is not None else found


def _write(
    outcomes: Sequence[PatientOutcome],
    differences: Sequence[WhatIf],
    form: str,
    explain: bool,
    target: str | None,
    detail: bool = False,
) -> None:
    if form == "table":
        from guideway.cli.table import table, what_if

        def lines(width: int) -> Iterator[Line]:
            changes = (line for d in differences for line in what_if(d.subject, d.notes, d.comparison, width))
            return table(outcomes, width=width, explain=explain, detail=detail, before=changes)

        show_lines(lines, target)
        return
    if form == "markdown":
        from guideway.cli.markdown import markdown
        from guideway.cli.markdown import what_if as what_if_text

        what_ifs = [what_if_text(d.subject, d.notes, d.comparison) for d in differences]
        write_result(markdown(outcomes, explain=explain, detail=detail, before=what_ifs), target)
        return
    from guideway.apply.outcome import dumps

    write_result(dumps(_document(outcomes, differences, form), indent=2), target)


def _document(outcomes: Sequence[PatientOutcome], differences: Sequence[WhatIf], form: str) -> Any:
    """One patient's document; of several patients a Bundle of CarePlans, Parameters with a Bundle each, or a list."""
    if form == "outcome":
        documents = [outcome.as_json() for outcome in outcomes]
        for document, difference in zip(documents, differences, strict=False):
            document["whatIf"] = {"set": difference.notes, **difference.comparison.as_json()}
        return documents[0] if len(documents) == 1 else documents
    from guideway.apply.care_plan import bundle, care_plan, requests_bundle, result_bundle
    from guideway.apply.explanation_resources import signed

    if form == "json":
        if len(outcomes) == 1:
            return signed(care_plan(outcomes[0]), outcomes[0])
        made = result_bundle(outcomes)
        for entry, outcome in zip(made["entry"], outcomes, strict=True):
            entry["resource"] = signed(entry["resource"], outcome)
        return made
    make = requests_bundle if form == "requests" else bundle
    bundles = [signed(make(outcome), outcome) for outcome in outcomes]
    if len(bundles) == 1:
        return bundles[0]
    return {"resourceType": "Parameters", "parameter": [{"name": "return", "resource": each} for each in bundles]}


def _fails(outcome: PatientOutcome, failing: Sequence[str]) -> bool:
    found = [*outcome.findings, *(f for r in outcome.recommendations for f in r.findings)]
    if "finding" in failing and (outcome.conflicts or any(f.severity is not Severity.information for f in found)):
        return True
    return "unknown" in failing and any(r.status in ("unknown", "error") for r in outcome.recommendations)


def assignment(text: str, option: str) -> tuple[str, str]:
    """The two sides of ``name=value``."""
    name, equals, value = text.partition("=")
    if not equals or not name.strip():
        raise GuidewayError(f"{option} {text!r}: write it as NAME=VALUE")
    return name.strip(), value.strip()


def given_once(pairs: Sequence[tuple[str, str]]) -> dict[str, str]:
    """Names with their values; one that is given twice with different values is a mistake."""
    found: dict[str, str] = {}
    for name, value in pairs:
        if found.setdefault(name, value) != value:
            raise GuidewayError(f"--parameter {name} is given twice, as {found[name]!r} and as {value!r}: give it once")
    return found


def check_hook(guideline: CompiledGuideline, hook: str) -> None:
    """Refuse an occasion that nothing in the guideline knows: the answer would be empty and look like "nothing applies"."""
    from guideway.apply.hook_context import known_hooks

    known = known_hooks(guideline)
    if hook not in known:
        raise GuidewayError(f"--hook {hook!r}: no plan answers to it; there are {', '.join(known)}")


def now() -> str:
    """This moment to the second, as text with an offset."""
    import time

    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
