"""``guideway cql repl``: a prompt for CQL, with several lines, completion and history (prompt_toolkit).

A line is an expression, a definition (``define … : …``), or a command that begins with a colon. What a person types is evaluated
by ``cql_session``; here is only what the keyboard and the screen need.
"""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Callable, Iterable, Iterator

from prompt_toolkit import PromptSession
from prompt_toolkit.completion import CompleteEvent, Completer, Completion
from prompt_toolkit.document import Document
from prompt_toolkit.history import FileHistory, History, InMemoryHistory
from prompt_toolkit.key_binding import KeyBindings, KeyPressEvent

from guideway.cli.cql import answer_lines
from guideway.cli.cql_session import Session, is_complete
from guideway.cli.lines import coloured, plain, terminal_width
from guideway.cli.output import wants_colour
from guideway.diagnostics import GuidewayError

HELP = """\
An expression           is evaluated:   First([Observation]).status
define Name: …          is kept:        define Recent: [Observation] O where O.issued after @2026
:type EXPRESSION        its type, without evaluating it
:explain EXPRESSION     every sub-expression with its value, the resources read, and why a null is null
:defines                what has been defined
:forget NAME            takes a definition away
:data FILE              takes other data
:help, :quit            (Ctrl-D quits too; Alt-Enter starts a new line)"""

COMMANDS = (":type", ":explain", ":defines", ":forget", ":data", ":help", ":quit")
_MEMBER = re.compile(r"""(?P<owner>(?:"[^"]*"|[\w()\[\]"' ]|\.)+?)\.(?P<start>\w*)$""")
_WORD = re.compile(r"""(?:"[^"]*|[\w:]+)$""")


class Prompt:
    """The conversation; ``read`` gives the next text (EOFError ends it), ``write`` shows one."""

    def __init__(
        self, session: Session, read: Callable[[], str] | None = None, write: Callable[[str], None] | None = None
    ) -> None:  # fmt: skip
        self.session = session
        self.write = write if write is not None else _print
        self._read = read if read is not None else self._reader()

    def run(self) -> int:
        """Until the person leaves; the exit status."""
        self.write("CQL 1.5 with FHIR 4.0.1. :help explains, :quit leaves.\n")
        while True:
            try:
                text = self._read()
            except KeyboardInterrupt:
                continue
            except EOFError:
                return 0
            if text.strip() in (":quit", ":q", ":exit"):
                return 0
            try:
                self.write(self.respond(text))
            except GuidewayError as error:
                self.write("\n".join([str(error), *(finding.as_text() for finding in error.diagnostics)]) + "\n")
            except KeyboardInterrupt:
                self.write("interrupted\n")

    def respond(self, text: str) -> str:
        """What is shown for one text."""
        text = text.strip()
        if not text:
            return ""
        if text.startswith(":"):
            return self._command(*text.partition(" ")[::2])
        if re.match(r"define\b", text):
            problems = self.session.define(text)
            return "\n".join([*(problem.as_text() for problem in problems), ""]) if problems else "defined\n"
        return self._evaluated(text, explain=False)

    def _command(self, name: str, rest: str) -> str:
        rest = rest.strip()
        if name in (":help", ":h", ":?"):
            return HELP + "\n"
        if name == ":defines":
            return "".join(text + "\n" for text in self.session.definitions.values()) or "nothing is defined\n"
        if name == ":forget":
            known = self.session.definitions.pop(rest.strip('"`'), None)
            return f"{rest} is forgotten\n" if known is not None else f"nothing is defined as {rest or '(no name)'}\n"
        if name == ":data":
            self.session.load([rest] if rest else [])
            return f"data of {getattr(self.session.record, 'reference', 'nobody')}\n"
        if name == ":type":
            answer = self.session.type(rest)
            return "\n".join([*(finding.as_text() for finding in answer.diagnostics), answer.type if answer.found else ""]) + "\n"
        if name == ":explain":
            return self._evaluated(rest, explain=True)
        return f"no command {name}; :help lists them\n"

    def _evaluated(self, text: str, *, explain: bool) -> str:
        answer = self.session.answer(text, trace=explain)
        shown = "".join(finding.as_text() + "\n" for finding in answer.diagnostics)
        if not answer.found:
            return shown
        width = terminal_width()
        lines = list(answer_lines(answer, width))
        return shown + (coloured(lines, width) if wants_colour() else plain(lines))

    def _reader(self) -> Callable[[], str]:
        if not sys.stdin.isatty():  # a pipe: one text a line
            return input_line
        bindings = KeyBindings()

        @bindings.add("enter")
        def _(event: KeyPressEvent) -> None:
            buffer = event.current_buffer
            if buffer.complete_state is None and is_complete(buffer.text):
                buffer.validate_and_handle()
            else:
                buffer.complete_state = None
                buffer.insert_text("\n")

        @bindings.add("escape", "enter")
        def _(event: KeyPressEvent) -> None:
            event.current_buffer.insert_text("\n")

        keyboard: PromptSession[str] = PromptSession(
            history=_history(), completer=CqlCompleter(self.session), multiline=True, key_bindings=bindings,
            complete_while_typing=False, prompt_continuation=lambda width, number, wrapped: "." * (width - 1) + " ",
        )  # fmt: skip
        return lambda: keyboard.prompt("cql> ")


class CqlCompleter(Completer):
    """Names that can stand at the cursor: members after a dot, else definitions, libraries, types and keywords."""

    def __init__(self, session: Session) -> None:
        self.session = session

    def get_completions(self, document: Document, complete_event: CompleteEvent) -> Iterable[Completion]:
        text = document.text_before_cursor
        member = _MEMBER.search(text)
        if member is not None:
            for name in self._members(member["owner"].strip()):
                if name.startswith(member["start"]):
                    yield Completion(name, start_position=-len(member["start"]))
            return
        word = _WORD.search(text)
        start = word.group() if word is not None else ""
        if not start:
            return
        for name in self._names():
            if name.lower().lstrip('"').startswith(start.lower().lstrip('"')):
                yield Completion(name, start_position=-len(start))

    def _names(self) -> Iterator[str]:
        from guideway.cql.lexer import KEYWORDS
        from guideway.fhir.modelinfo import builtin

        names: dict[str, None] = dict.fromkeys(COMMANDS)
        for name in self.session.definitions:
            plain_name = name.partition("(")[0]
            names[plain_name if plain_name.isidentifier() else f'"{plain_name}"'] = None
        names |= dict.fromkeys(self.session.includes)
        names |= dict.fromkeys(sorted(KEYWORDS))
        names |= dict.fromkeys(sorted(name.partition(".")[2] for name in builtin("FHIR", "4.0.1").types if name.count(".") == 1))
        return iter(names)

    def _members(self, owner: str) -> list[str]:
        """Elements of the owner's type, or the definitions of an included library."""
        if owner in self.session.includes:
            return self._defined_in(owner)
        pieces = re.split(r"[\s,(\[{]+(?![^()]*\))", owner)
        answer = self.session.type(pieces[-1] if pieces and pieces[-1] else owner)
        if not answer.found:
            answer = self.session.type(owner)
        return elements_of(answer.type) if answer.found else []

    def _defined_in(self, library: str) -> list[str]:
        for found in self.session.translate("null").included:
            if found.identifier is not None and found.identifier.id == library:
                names = [statement.name for statement in found.statements if statement.name and statement.name != "Patient"]
                return [name if name.isidentifier() else f'"{name}"' for name in names]
        return []


def elements_of(type_name: str) -> list[str]:
    """The elements of a type as CQL writes it; of a list, those of its items.

    >>> elements_of("List<FHIR.Period>")
    ['end', 'extension', 'id', 'start']
    """
    from guideway.fhir.modelinfo import builtin

    name = type_name
    while name.startswith("List<"):
        name = name[5:-1]
    model = builtin("FHIR", "4.0.1")
    elements: set[str] = set()
    current: str | None = name
    while current is not None and current in model.types:
        info = model.types[current]
        elements |= set(info.elements)
        current = info.base
    return sorted(elements)


def _history() -> History:
    """Kept beside the cache, for this user alone; in memory where that is not possible."""
    from guideway.cache import user_cache

    folder = user_cache().folder
    if folder is None:
        return InMemoryHistory()
    path = os.path.join(folder, "repl-history")
    try:
        os.makedirs(folder, mode=0o700, exist_ok=True)
        os.close(os.open(path, os.O_RDWR | os.O_CREAT, 0o600))
    except OSError:
        return InMemoryHistory()
    return FileHistory(path)


def input_line() -> str:
    """The next text of a pipe: lines until it is complete."""
    text = ""
    for line in sys.stdin:
        text += line
        if is_complete(text):
            return text
    if text.strip():
        return text
    raise EOFError


def _print(text: str) -> None:
    if text:
        sys.stdout.write(text)
        sys.stdout.flush()
