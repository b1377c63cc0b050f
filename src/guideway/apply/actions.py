"""The walk through a plan's actions: which apply, what they stand for, and what they ask for.

Takes the chosen plans and gives, for each, a ``PlanNode`` with its ``ActionNode`` tree in document order, and one
``Recommendation`` for every action with a statement-id and every leaf. An action's verdict is its own conditions and its
ancestors'; an action below a false one is listed as not applying, without being evaluated. A definition that is a
PlanDefinition is walked in its place, guarded against cycles; one that is an ActivityDefinition becomes a request; a
Questionnaire or a URI is referred to. What cannot be followed is a finding on the recommendation, never a dropped action.
FHIR R4: http://hl7.org/fhir/R4/plandefinition-operation-apply.html
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any

import msgspec

from guideway.apply.activities import make_request
from guideway.apply.activity_facts import Setting, participant_fault
from guideway.apply.audience import EVERYONE, Audience, reason_of_audience, reason_to_skip
from guideway.apply.conditions import Standing, Verdict, judge
from guideway.apply.expressions import Expressions
from guideway.apply.filling import Filling, compute_extensions
from guideway.apply.outcome import APPLIES, DOES_NOT_APPLY, ERROR, STATUSES, UNKNOWN, Recommendation, Source
from guideway.apply.passed_over import OTHER_HOOK
from guideway.apply.policies import Policy
from guideway.diagnostics import Diagnostic, Severity
from guideway.fhir.soundness import unmended
from guideway.fhir.structure import known_type
from guideway.guideline.actions import DEPTH_LIMIT, PLAN_LIMIT, ActionFacts, PlanFacts, Question, libraries_of
from guideway.guideline.compiled import CompiledGuideline
from guideway.guideline.names import objects, text_of, texts_in, url_of
from guideway.guideline.package import Artifact

Json = dict[str, Any]


class ActionNode(msgspec.Struct, kw_only=True):
    """One action of a plan, with what came of it."""

    definition: Json
    id: str
    verdict: Verdict
    status: str
    children: list[ActionNode] = []
    group: bool = False
    """Whether its definition holds actions, also where none of them was walked."""
    nested: PlanNode | None = None
    request: Json | None = None
    """The resource it proposes, without id."""
    activity: Artifact | None = None
    refers_to: str | None = None
    """A canonical or URI where the definition is no resource that $apply makes (Questionnaire, definitionUri), or an existing
    resource."""
    contained: Json | None = None
    """What is referred to, where it is contained in the plan."""
    overrides: Json = {}
    """Elements of the output action that dynamic values set."""
    recommendation: Recommendation | None = None
    exclusive: str | None = None
    """The group of actions that exclude each other, where it is in one."""
    below: list[ActionNode] | None = None
    """What ``walk`` has found, but for itself: a circle would keep all of it until the garbage collector comes."""

    @property
    def shown(self) -> bool:
        """Whether it belongs to the result: it applies, and so does something in it (a group of nothing is left out)."""
        if self.status != APPLIES:
            return False
        if self.nested is not None:
            if self.request is not None:
                return True
            inside = self.nested.actions
        elif not self.group or self.request is not None or self.refers_to is not None:
            return True
        else:
            inside = self.children
        for action in inside:  # noqa: SIM110 (any() would make a generator each time)
            if action.status == APPLIES and action.shown:
                return True
        return False

    def walk(self) -> list[ActionNode]:
        """This node and everything below it, in document order, nested plans included; not before all of that is there."""
        if self.below is None:
            found, pending = [], [self]
            while pending:
                node = pending.pop()
                found.append(node)
                if node.nested is not None:
                    pending += reversed(node.nested.actions)
                if node.children:
                    pending += reversed(node.children)
            self.below = found[1:]
        return [self, *self.below]


class PlanNode(msgspec.Struct, kw_only=True):
    """One plan in one place: chosen, or reached through an action."""

    artifact: Artifact
    actions: list[ActionNode] = []
    status: str = DOES_NOT_APPLY
    extension: list[Json] | None = None
    """The plan's extensions with what expressions on them give; None: as they are."""
    known: list[ActionNode] | None = None
    """What ``own`` has found."""

    @property
    def own(self) -> list[ActionNode]:
        """All actions of this plan, groups and what is in them, in document order; not before they are there."""
        if self.known is None:
            self.known = []
            pending = [*reversed(self.actions)]
            while pending:
                node = pending.pop()
                self.known.append(node)
                if node.children:
                    pending += reversed(node.children)
        return self.known

    @property
    def shown(self) -> list[ActionNode]:
        """The actions that belong to the result."""
        return [action for action in self.actions if action.status == APPLIES and action.shown]


def each_plan(trees: Iterable[PlanNode]) -> Iterator[PlanNode]:
    """Every plan of a result once, nested ones included, those nearer to the top first."""
    pending, seen = list(trees), set[int]()
    while pending:
        plan = pending.pop(0)
        if id(plan) in seen:
            continue
        seen.add(id(plan))
        yield plan
        pending += [a.nested for a in plan.own if a.nested is not None]


class _Visit(msgspec.Struct):
    """What a plan came to on one way to it: all of it holds on every other way on which as much is decided above it."""

    node: PlanNode
    plans: frozenset[str]
    """It and the plans below it, by canonical."""
    height: int
    """How many actions deep it goes."""
    ways: int
    """How many plans it is with those below it, each counted on every way to it."""
    skipped: list[Json]
    findings: list[Diagnostic]

    def holds(self, stack: tuple[str, ...], depth: int, ways: int) -> bool:
        """Whether the plan is the same below these plans, so deep, after so many: it leads back to none of them, and nothing is
        too deep or too many."""
        return depth + self.height < DEPTH_LIMIT and ways + self.ways <= PLAN_LIMIT and self.plans.isdisjoint(stack)


class Walk:
    """One run over the chosen plans of one patient."""

    def __init__(
        self,
        guideline: CompiledGuideline,
        expressions: Expressions,
        setting: Setting,
        policy: Policy,
        audience: Audience,
        *,
        hook: str | None,
        stopped: str | None = None,
        notes_may_wait: bool = False,
    ) -> None:
        self.guideline = guideline
        self.expressions = expressions
        self.setting = setting
        self.policy = policy
        self.audience = audience
        self.hook = hook
        self.stopped = stopped
        """Why nothing applies to this subject at all (a deceased patient); None: no such reason."""
        self.recommendations: dict[str, Recommendation] = {}
        self.verdicts: dict[str, Verdict] = {}
        """By recommendation key: the verdict behind its status."""
        self.waiting: list[Callable[[], None]] | None = [] if notes_may_wait else None
        """What works out the notes of recommendations that cannot be known yet, each; None: that does not wait."""
        self.skipped: list[Json] = []
        self.findings: list[Diagnostic] = []
        self.for_everyone = audience == EVERYONE
        self._facts: dict[int, PlanFacts] = {}
        """By identity of a plan."""
        self._own: dict[int, Verdict] = {}
        self._visits: dict[tuple[int, Standing], _Visit] = {}
        """By identity of a plan and by what is decided above it."""
        self._plans: list[str] = []
        """The canonicals of the plans that were walked, in order."""
        self.deepest = 0
        self.ways = 0
        """How many plans were reached below the chosen one, each counted on every way to it."""
        self.turned_back = 0
        """How many actions led to a plan that was not followed there: back to one that they stand in, or to one too many."""
        self.containers: dict[int, Artifact] = {}
        """By identity of a contained plan's JSON: the plan that contains it."""
        self.contained: dict[tuple[str, str], Artifact] = {}

    def own_verdict(self, facts: ActionFacts, libraries: list[str], of: str) -> Verdict:
        """The verdict of an action's own conditions. Several ways may lead to its plan; it is evaluated on the first."""
        known = self._own.get(id(facts))
        if known is None:
            known = self._own[id(facts)] = judge(facts, libraries, self.expressions, of)
        return known

    def facts(self, artifact: Artifact) -> PlanFacts:
        """What a plan says, whoever the patient is."""
        known = self._facts.get(id(artifact))
        if known is None:
            known = self._facts[id(artifact)] = self.guideline.facts(artifact)
        return known

    def plan(self, artifact: Artifact) -> PlanNode:
        """The tree of one chosen plan."""
        self.ways = 0
        node = self._plan(artifact, Verdict(), (), [], depth=0)
        return node if node is not None else PlanNode(artifact=artifact)

    def _plan(
        self, artifact: Artifact, verdict: Verdict, stack: tuple[str, ...], via: list[str], depth: int
    ) -> PlanNode | None:  # fmt: skip
        """The tree of one plan. Several ways may lead to it: where they decide the same it is walked on the first."""
        key = (id(artifact), verdict.standing)
        known = self._visits.get(key)
        if known is not None and known.holds(stack, depth, self.ways):
            self._plans += known.plans
            self.ways += known.ways
            self.deepest = max(self.deepest, depth + known.height)
            self.skipped += known.skipped
            self.findings += known.findings
            self._reached_again(known.node, via)
            return known.node
        reason = reason_to_skip(artifact.resource, self.audience)
        if reason is not None:
            self.skipped.append({"plan": artifact.canonical, "reason": reason})
            return None
        before = len(self._plans), len(self.skipped), len(self.findings), self.turned_back, self.deepest, self.ways
        self._plans.append(artifact.canonical)
        self.ways += 1
        self.deepest = depth
        node = self._walked(artifact, verdict, stack, via, depth)
        plans, skipped, findings, turned_back, deepest, ways = before
        if self.policy.folds and self.turned_back == turned_back and self.deepest < DEPTH_LIMIT:
            self._visits[key] = _Visit(
                node,
                frozenset(self._plans[plans:]),
                self.deepest - depth,
                self.ways - ways,
                self.skipped[skipped:],
                self.findings[findings:],
            )
        self.deepest = max(self.deepest, deepest)
        return node

    def _walked(self, artifact: Artifact, verdict: Verdict, stack: tuple[str, ...], via: list[str], depth: int) -> PlanNode:
        node = PlanNode(artifact=artifact)
        facts = self.facts(artifact)
        place = _Place(self, artifact, facts.libraries, (*stack, artifact.canonical), [*via, artifact.id])
        node.actions = place.actions(facts, verdict, depth)
        self.findings += _faults_of(artifact)
        for rule, text in facts.told:
            self.findings.append(Diagnostic(rule, Severity.warning, f"{artifact.id}: {text}", artifact.file or None))
        statuses = {a.status for a in node.actions}
        node.status = next((s for s in STATUSES if s in statuses), DOES_NOT_APPLY)
        node.extension = list(objects(artifact.resource.get("extension")))
        if facts.computes:
            computed = {"extension": node.extension}
            for problem in compute_extensions(computed, self.expressions, facts.libraries, {}, self.setting.subject):
                text = f"{artifact.id}: {problem}"
                self.findings.append(Diagnostic("extension-expression", Severity.warning, text, artifact.file or None))
            node.extension = computed.get("extension", [])
        return node

    def _reached_again(self, node: PlanNode, via: list[str]) -> None:
        """Note one more way to the recommendations of a plan."""
        way = [*via, node.artifact.id]
        pending = list(node.actions)
        while pending:
            action = pending.pop()
            if action.recommendation is not None:
                known = self.recommendations[action.recommendation.key]
                if way not in known.via:
                    known.via = [*known.via, way]
            if action.nested is not None:
                self._reached_again(action.nested, way)
            pending += action.children


def _faults_of(artifact: Artifact) -> Iterator[Diagnostic]:
    """What of a plan's actions is no action, and that it has none; of its extensions, those that
    modify its meaning and those of no URL."""
    given = artifact.resource.get("action")
    members = given if isinstance(given, list) else []
    file, name = artifact.file or None, artifact.id or artifact.url
    if given is not None and not isinstance(given, list):
        text = f"{name}: its action is no list but {str(given)[:60]!r}; there is nothing to apply in it"
        yield Diagnostic("plan-actions", Severity.error, text, file, pointer="/action")
    elif not members:
        text = f"{name}: the plan has no actions, so there is nothing to apply in it"
        yield Diagnostic("plan-actions", Severity.warning, text, file, pointer="/action")
    for number, member in enumerate(members):
        if not isinstance(member, dict):
            text = f"{name}: action {number + 1} is no object but {str(member)[:60]!r}; it is left out"
            yield Diagnostic("plan-actions", Severity.error, text, file, pointer=f"/action/{number}")
    for number, extension in enumerate(objects(artifact.resource.get("extension"))):
        if url_of(extension) is None:
            text = f"{name}: extension {number + 1} has no URL; it is left out"
            yield Diagnostic("plan-extension", Severity.error, text, file, pointer=f"/extension/{number}")
    for modifier in objects(artifact.resource.get("modifierExtension")):
        url = modifier.get("url")
        text = f"{name}: what the modifier extension {url} says is not taken into account; the plan's group carries it"
        yield Diagnostic("plan-modifier", Severity.warning, text, file, pointer="/modifierExtension")


def _unknown_names(definition: Json, plan: Json) -> Iterator[str]:
    """What an action names and nobody knows: a goal that its plan does not have, a type of participant that there is not."""
    if isinstance(named := definition.get("goalId"), list):
        goals = {text_of(goal.get("id")) for goal in objects(plan.get("goal"))}
        for goal in named:
            if not isinstance(goal, str) or goal not in goals:
                yield f"goalId {str(goal)[:60]!r} is no goal of the plan; it is left out"
    for participant in objects(definition.get("participant")):
        fault = participant_fault(participant)
        if fault is not None:
            yield fault


def _with_what_it_names(resource: Json, container: Json) -> Json:
    """A contained resource that holds what it names beside it in its container (``#id``): it does not leave that behind."""
    beside = {each["id"]: each for each in objects(container.get("contained")) if isinstance(each.get("id"), str)}
    found: dict[str, Json] = {}
    pending = [resource]
    while pending:
        for text in texts_in(pending.pop()):
            other = beside.get(text[1:]) if text[:1] == "#" else None
            if other is not None and other["id"] not in found and other["id"] != resource.get("id"):
                found[other["id"]] = other
                pending.append(other)
    return {**resource, "contained": list(found.values())} if found else resource


class _Place:
    """One plan being walked: the artifact, its libraries, and how it was reached."""

    def __init__(self, walk: Walk, plan: Artifact, libraries: list[str], stack: tuple[str, ...], via: list[str]) -> None:
        self.walk = walk
        self.plan = plan
        self.libraries = libraries
        self.stack = stack
        self.via = via
        self.container = walk.containers.get(id(plan.resource), plan)
        """What holds the resources that it names by ``#id``: itself, or the plan that contains it."""
        self.plan_id = plan.id if self.container is plan else f"{self.container.id}.{plan.id}"
        self.canonical = plan.canonical
        self.named = plan.id

    def actions(self, group: PlanFacts | ActionFacts, verdict: Verdict, depth: int) -> list[ActionNode]:
        """The actions of a plan or of a group, in document order."""
        nodes: list[ActionNode] = []
        settled: str | None = None
        for facts in group.actions:
            if facts.told:
                self.walk.findings += [self._finding(rule, Severity.warning, text, facts.name) for rule, text in facts.told]
            reason = self._reason_to_skip(facts) if settled is None else f"applicability behaviour any: {settled} applied first"
            if reason is not None:
                self.walk.skipped.append({"plan": self.canonical, "action": facts.name, "reason": reason})
                continue
            node = self._action(facts, verdict, depth)
            if node is None:
                continue
            nodes.append(node)
            if group.one_of and node.status == APPLIES:
                settled = facts.name
            elif group.one_of:
                verdict = verdict.after(node.status, node.verdict)
        return nodes

    def _reason_to_skip(self, facts: ActionFacts) -> str | None:
        """Why an action is left out: it answers to another trigger than the hook of this run (one without answers to whatever
        its parent does), or is not for this audience."""
        hook = self.walk.hook
        if facts.triggers and hook is not None and hook not in facts.triggers:
            return f"{OTHER_HOOK} {', '.join(str(n) for n in facts.triggers)}, not to {hook}"
        return facts.skipped if self.walk.for_everyone else reason_to_skip(facts.definition, self.walk.audience)

    def _action(self, facts: ActionFacts, above: Verdict, depth: int) -> ActionNode | None:
        """One action; None where it stands for nothing but a definition that is left out for whom it is for."""
        walk = self.walk
        verdict = above
        if above.applicability is not False and walk.stopped is None and facts.conditions:
            verdict = above.and_(walk.own_verdict(facts, self.libraries, f"{self.named}#{facts.name}"))
        status = DOES_NOT_APPLY if walk.stopped is not None else verdict.status
        node = ActionNode(
            definition=facts.definition, id=facts.name, verdict=verdict, status=status, exclusive=facts.exclusive_group
        )
        recommendation = self._describe(node, facts)
        if depth > walk.deepest:
            walk.deepest = depth
        if depth > DEPTH_LIMIT:
            text = f"{node.id}: actions are nested more than {DEPTH_LIMIT} deep"
            recommendation.findings.append(self._finding("action-depth", Severity.error, text, node.id))
        else:
            if facts.group:
                node.group = True
                node.children = self.actions(facts, verdict, depth + 1)
            reason = self._definition(node, recommendation, depth)
            if reason is not None:
                walk.skipped.append({"plan": self.canonical, "action": facts.name, "reason": reason})
                text = f"{node.id}: {reason}"
                walk.findings.append(self._finding("definition-skipped", Severity.information, text, node.id))
                if not facts.group:
                    return None
        is_group = facts.group or node.nested is not None
        if facts.statements or not is_group or recommendation.findings:
            node.recommendation = self._keep(recommendation, verdict)
        if status == APPLIES:
            recommendation.findings += [
                self._finding("action-invalid", Severity.warning, f"{node.id}: {fault}", node.id)
                for fault in _unknown_names(facts.definition, self.plan.resource)
            ]
            if facts.computes or facts.faults or node.request is not None:
                file = self.plan.file or None
                filling = Filling(node, facts, recommendation, walk.expressions, walk.setting, self.libraries, file, walk.policy)
                own = libraries_of(node.activity.resource) if node.activity is not None else []
                filling.fill(own or self.libraries)
            self._add_notes(facts, facts.notes, recommendation)
            self._check_selection(node, recommendation)
            if node.recommendation is None:  # a group without a statement: nothing else tells what it says, and what is wrong
                said = [self._finding("group-note", Severity.information, note, node.id) for note in recommendation.notes]
                walk.findings += [*recommendation.findings, *said]
        elif node.recommendation is not None and walk.stopped is None:
            notes = facts.notes_if_not if status == DOES_NOT_APPLY else facts.notes
            if notes and walk.waiting is not None and status == UNKNOWN:
                walk.waiting.append(lambda: self._add_notes(facts, notes, recommendation))
            elif notes:
                self._add_notes(facts, notes, recommendation)
        return node

    def _describe(self, node: ActionNode, facts: ActionFacts) -> Recommendation:
        return Recommendation(
            plan=self.canonical,
            plan_id=self.plan_id,
            action=node.id,
            title=facts.title,
            status=node.status,
            reason=self.walk.stopped or node.verdict.reason,
            statements=list(facts.statements),
            description=facts.description,
            rationale=facts.rationale,
            strength=facts.strength,
            direction=facts.direction,
            quality=facts.quality,
            priority=facts.priority,
            exclusive_group=facts.exclusive_group,
            conditions=list(node.verdict.results),
            source=[Source(*citation) for citation in facts.sources],
            via=[self.via],
        )

    def _keep(self, recommendation: Recommendation, verdict: Verdict) -> Recommendation:
        """Note the recommendation; reached a second time, the earlier status of ``STATUSES`` counts and both ways are kept."""
        key = recommendation.key
        known = self.walk.recommendations.get(key)
        if known is None:
            self.walk.recommendations[key] = recommendation
            self.walk.verdicts[key] = verdict
            return recommendation
        ways = [*known.via, *(way for way in recommendation.via if way not in known.via)]
        if STATUSES.index(recommendation.status) < STATUSES.index(known.status):
            recommendation.via = ways
            self.walk.recommendations[key] = recommendation
            self.walk.verdicts[key] = verdict
            return recommendation
        known.via = ways
        return known if known.status == recommendation.status else recommendation

    def _definition(self, node: ActionNode, recommendation: Recommendation, depth: int) -> str | None:
        """What the action's definition[x] stands for; why that is left out, where it is not for this audience."""
        definition = node.definition
        if "transform" in definition and isinstance(definition["transform"], str):
            text = f"{node.id}: the StructureMap transform {definition['transform']} is not executed"
            recommendation.findings.append(self._finding("transform-unsupported", Severity.warning, text, node.id))
        if "definitionUri" in definition:
            uri = definition["definitionUri"]
            if isinstance(uri, str) and uri.strip():
                node.refers_to = uri
                if "definitionCanonical" in definition:
                    second = str(definition["definitionCanonical"])[:80]
                    text = f"{node.id}: it has two definitions; {uri} is referred to, {second!r} is left out"
                    recommendation.findings.append(self._finding("definition-unresolved", Severity.error, text, node.id))
                return None
            text = f"{node.id}: its definition is not a URI but {str(uri)[:80]!r}; it is left out"
            recommendation.findings.append(self._finding("definition-unresolved", Severity.error, text, node.id))
        canonical = definition.get("definitionCanonical")
        if not isinstance(canonical, str):
            if "definitionCanonical" in definition:
                text = f"{node.id}: its definition is not a canonical but {str(canonical)[:80]!r}; it is left out"
                recommendation.findings.append(self._finding("definition-unresolved", Severity.error, text, node.id))
            return None
        target = self._resolve(canonical)
        kind = target.type if target is not None else ""
        if target is None:
            url = canonical.partition("|")[0]
            other = url in self.walk.guideline.value_sets or canonical in self.walk.guideline.value_sets
            what = "is a value set, which cannot be applied" if other else "is not in this guideline"
            text = f"{node.id}: its definition {canonical} {what}"
            recommendation.findings.append(self._finding("definition-unresolved", Severity.error, text, node.id))
        elif kind == "PlanDefinition":
            return self._nested(node, recommendation, target, depth)
        elif kind == "ActivityDefinition":
            reason = None if self.walk.for_everyone else reason_of_audience(target.resource, self.walk.audience)
            if reason is not None:
                return f"its definition {target.canonical} is {reason}"
            node.activity = target
            if node.status == APPLIES and target.resource.get("status") == "retired":
                text = f"{node.id}: its definition {target.canonical} is retired"
                recommendation.findings.append(self._finding("definition-retired", Severity.warning, text, node.id))
            if node.status == APPLIES:
                made = make_request(target.resource, definition, self.walk.setting, target.file)
                node.request = made.resource
                recommendation.findings += made.findings
        else:
            node.refers_to = target.canonical if target.url.startswith(("http", "urn:")) else canonical
            if canonical.startswith("#"):
                wrong = unmended(target.resource)
                if wrong is None:
                    node.contained = target.resource
                else:
                    text = f"{node.id}: its definition {canonical} is not valid, so it is left out: {wrong}"
                    recommendation.findings.append(self._finding("definition-invalid", Severity.error, text, node.id))
            if kind != "Questionnaire":
                text = f"{node.id}: its definition is a {kind}; it is referred to, not applied"
                recommendation.findings.append(self._finding("definition-type", Severity.warning, text, node.id))
        return None

    def _resolve(self, canonical: str) -> Artifact | None:
        if canonical.startswith("#"):
            for contained in objects(self.container.resource.get("contained")):
                if contained.get("id") == canonical[1:] and known_type(contained.get("resourceType")):
                    return self._contained(contained, canonical)
            return None
        return self.walk.guideline.resolve(canonical)

    def _contained(self, resource: Json, reference: str) -> Artifact:
        """What the container holds; a plan there is known by the container, which other such plans may share its id with."""
        known = self.walk.contained.get((self.container.canonical, reference))
        if known is None:
            if resource.get("resourceType") == "PlanDefinition" and not resource.get("url"):
                resource = {**resource, "url": f"{self.container.url}{reference}"}
            elif resource.get("resourceType") not in ("PlanDefinition", "ActivityDefinition"):
                resource = _with_what_it_names(resource, self.container.resource)
            known = Artifact(resource, f"{self.container.file}{reference}")
            self.walk.contained[self.container.canonical, reference] = known
            if known.type == "PlanDefinition":
                self.walk.containers[id(known.resource)] = self.container
        return known

    def _nested(self, node: ActionNode, recommendation: Recommendation, target: Artifact, depth: int) -> str | None:
        canonical = target.canonical
        if canonical in self.stack:
            self.walk.turned_back += 1
            text = f"{node.id}: {canonical} leads back to itself: {' > '.join([*self.stack, canonical])}"
            recommendation.findings.append(self._finding("definition-cycle", Severity.error, text, node.id))
            return None
        if depth >= DEPTH_LIMIT:
            text = f"{node.id}: plans are nested more than {DEPTH_LIMIT} deep"
            recommendation.findings.append(self._finding("action-depth", Severity.error, text, node.id))
            return None
        if self.walk.ways > PLAN_LIMIT:
            self.walk.turned_back += 1
            text = f"{node.id}: {self.stack[0]} leads to more than {PLAN_LIMIT} plans; {canonical} is not followed here"
            recommendation.findings.append(self._finding("plans-too-many", Severity.error, text, node.id))
            return None
        node.nested = self.walk._plan(target, node.verdict, self.stack, self.via, depth + 1)
        return None if node.nested is not None else f"its definition {canonical} is left out"

    def _add_notes(self, facts: ActionFacts, asked: Sequence[Question], recommendation: Recommendation) -> None:
        notes: list[str] = []
        for question in asked:
            answer = self.walk.expressions.answer(question, facts.definition, self.libraries)
            if answer.error is not None:
                name = recommendation.action
                recommendation.findings.append(self._finding("note-error", Severity.error, f"{name}: note: {answer.error}", name))
                continue
            if answer.value is None or answer.value == []:
                continue
            from guideway.apply.fhir_json import as_text

            values = answer.value if isinstance(answer.value, list) else [answer.value]
            said = [text for value in values if value is not None and (text := as_text(value)) not in notes]
            notes += said
            if said and question.name is not None and question.name not in recommendation.note_rules:
                recommendation.note_rules.append(question.name)
        recommendation.notes += [n for n in notes if n not in recommendation.notes]

    def _check_selection(self, node: ActionNode, recommendation: Recommendation) -> None:
        """selectionBehavior is the end user's choice; only a group with nothing to choose from is worth a finding."""
        behavior = node.definition.get("selectionBehavior")
        children = node.children or (node.nested.actions if node.nested is not None else [])
        if behavior not in ("exactly-one", "one-or-more") or not (children or node.group):
            return
        statuses = [child.status for child in children]
        if all(status in (DOES_NOT_APPLY, UNKNOWN, ERROR) for status in statuses):
            unknown = statuses.count(UNKNOWN)
            more = f" ({unknown} of {len(statuses)} cannot be known yet)" if unknown else ""
            more = more if statuses else ": all are skipped"
            text = f"{node.id}: {behavior} of its actions is to be chosen, and none applies{more}"
            finding = self._finding("selection-empty", Severity.warning, text, node.id)
            if node.recommendation is not None:
                recommendation.findings.append(finding)
            else:
                self.walk.findings.append(finding)

    def _finding(self, rule: str, severity: Severity, text: str, action: str) -> Diagnostic:
        return Diagnostic(rule, severity, text, self.plan.file or None, pointer=f"action:{action}")
