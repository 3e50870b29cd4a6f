"""What a configuration means as a whole: which flow is a rail, which variable is shared, how a name is spelled.

`scan` reads one file into plain data (so that files can be read in processes of their own); `Facts` joins them.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Container, Iterable, Mapping, Sequence

from colang.config.pipeline_v1 import PIPELINE
from colang.records import Draft, fresh
from colang.syntax import nodes_v1 as n
from colang_migrate import texts
from colang_migrate.library_names import (
    LAST_MESSAGE,
    MESSAGES,
    MISSING_VARIABLES,
    MODULES,
    PLAIN_MESSAGES,
    SPECIAL_VARIABLES,
)
from colang_migrate.library_rails import LIBRARY_RAILS
from colang_migrate.names import action_name, flow_name, is_reachable, respell

#: `bot say "text"`: the core module says the text, whatever else was said under that name.
SAYINGS = frozenset(("say", "inform", "ask", "express", "respond", "clarify", "suggest"))

_VARIABLE = re.compile(r"\$([^\W\d]\w*)")
#: A value that can be no text, or need not be one: a number, a truth value, something computed.
_NO_TEXT = re.compile(r"[-+]?\d|(?:True|False|len\b)|[^\"']*[-+*/%<>]|not\b")
_WHOLE = re.compile(r"\$([^\W\d]\w*)(?![\w.\[])")
Trigger = tuple[str, str]  # ("user", "ask price"), ("event", "Ping"), ("bot", "greet"), ("any", "")


class FlowFact(Draft):
    """One flow of 1.0, and what becomes of it; the second part is filled in by `Facts`."""

    path: str
    index: int  # of its definition in the file
    id: str
    name: str | None
    is_subflow: bool
    modifiers: tuple[str, ...]
    line: int = 0
    trigger: Trigger | None = None
    first_step: str = ""
    starts_with: str = ""  # type of the first statement
    conditional: bool = False  # something is evaluated before the first match
    priority: float | None = None
    calls: tuple[str, ...] = ()
    variables: tuple[str, ...] = ()
    assigned: frozenset[str] = frozenset()
    early: frozenset[str] = frozenset()  # perhaps read before this flow assigns them
    waits: int = 0
    stops: bool = False
    tested: frozenset[str] = frozenset()  # variables that conditions read as they are
    computed: frozenset[str] = frozenset()  # assigned variables whose values may be no texts
    # filled in by Facts
    new_name: str = ""
    active: bool = False
    is_rail: bool = False
    guarded: bool = False  # a failing action must not let a message pass
    extends: str = ""  # the bot message that this flow follows
    new_priority: float | None = None
    place: int = 0  # in the order of definitions, from 1

    @property
    def key(self) -> tuple[str, int]:
        """What identifies the flow."""
        return self.path, self.index


class FileFacts(Draft):
    """What one file contributes."""

    path: str
    flows: list[FlowFact] = fresh(factory=list[FlowFact])
    users: list[tuple[str, int, tuple[str, ...]]] = fresh(
        factory=list[tuple[str, int, tuple[str, ...]]]
    )
    bots: list[tuple[str, int, tuple[str, ...], tuple[str, ...]]] = fresh(
        factory=list[tuple[str, int, tuple[str, ...], tuple[str, ...]]]
    )  # name, index, texts, variables
    inline: list[tuple[str, int, tuple[str, ...], tuple[str, ...]]] = fresh(
        factory=list[tuple[str, int, tuple[str, ...], tuple[str, ...]]]
    )  # of `bot x "text"`
    used_users: dict[str, int] = fresh(factory=dict[str, int])  # name -> index of definition
    joined: list[tuple[str, int, tuple[str, ...]]] = fresh(
        factory=list[tuple[str, int, tuple[str, ...]]]
    )  # `user a or b`: one intent of that name, or two
    used_bots: dict[str, int] = fresh(factory=dict[str, int])
    generates: bool = False
    actions: set[str] = fresh(factory=set[str])


def whole_name(patterns: Sequence[n.Pattern]) -> str | None:
    """``a or b`` for alternatives without a `user` of their own: perhaps the name of one intent."""
    if len(patterns) < 2 or any(pattern.kind != "intent" for pattern in patterns):
        return None
    if any(after.keyword.start > before.span.end for before, after in itertools.pairwise(patterns)):
        return None
    return " or ".join(pattern.name.text for pattern in patterns)


class _Scanner:
    """One walk over the statements of a flow."""

    def __init__(self, file: FileFacts, index: int) -> None:
        self.file = file
        self.index = index
        self.order: dict[str, None] = {}
        self.assigned: set[str] = set()
        self.early: set[str] = set()
        self.calls: list[str] = []
        self.waits = 0
        self.stops = False
        self.tested: set[str] = set()
        self.computed: set[str] = set()
        self.priority: float | None = None

    def read(self, text: str, known: set[str]) -> None:
        if "$" in text:
            for name in _VARIABLE.findall(text):
                if name == "config":
                    continue
                self.order[name] = None
                if name not in known:
                    self.early.add(name)

    def write(self, name: str, known: set[str]) -> None:
        self.order[name] = None
        self.assigned.add(name)
        known.add(name)

    def arguments(
        self, arguments: n.Arguments | None, block: n.ParamBlock | None, known: set[str]
    ) -> None:
        if arguments is not None:
            for item in arguments.items:
                if item.source.text[:1] not in "\"'":  # nothing is filled in there
                    self.read(item.source.text, known)
        if block is not None:
            for entry in block.entries:
                if isinstance(entry.value, str):
                    self.read(entry.value, known)

    def pattern(self, pattern: n.Pattern, known: set[str]) -> None:
        if pattern.keyword.text == "user":
            if pattern.kind == "intent":
                self.file.used_users.setdefault(pattern.name.text, self.index)
            for listed in pattern.names:
                self.file.used_users.setdefault(listed.text, self.index)
        elif pattern.kind == "intent" and not (
            pattern.text is not None and pattern.name.text in SAYINGS
        ):
            self.file.used_bots.setdefault(pattern.name.text, self.index)
        elif pattern.kind == "variable":
            self.read(pattern.name.text, known)
        elif pattern.kind == "text" and pattern.text is not None:
            for name in texts.variables(pattern.text.value):
                self.read(f"${name}", known)
        if pattern.arguments is not None:
            self.arguments(pattern.arguments, None, known)

    def body(self, statements: Sequence[n.Stmt], known: set[str]) -> set[str]:
        for s in statements:
            match s:
                case n.UserStmt():
                    self.waits += 1
                    if (whole := whole_name(s.patterns)) is not None:
                        self.file.joined.append(
                            (whole, self.index, tuple([p.name.text for p in s.patterns]))
                        )
                        continue
                    for pattern in s.patterns:
                        self.pattern(pattern, known)
                case n.BotStmt():
                    self.bot(s, known)
                case n.ExecuteStmt():
                    self.file.actions.add(s.name.text)
                    self.arguments(s.arguments, s.block, known)
                    if s.target is not None:
                        self.write(s.target.text[1:], known)
                case n.Assign():
                    if s.op.text != "=":
                        self.read(f"${s.variable}", known)
                    name = s.variable.partition(".")[0]
                    self.order[name] = None
                    self.read(s.value.text, known)
                    self.write(name, known)
                    if s.op.text != "=" or _NO_TEXT.match(s.value.text):
                        self.computed.add(name)
                case n.Generate():
                    self.file.generates = True
                    self.write(s.variable, known)
                case n.DoStmt():
                    if s.name is not None:
                        self.calls.append(s.name.text)
                    elif s.expression is not None:
                        self.read(s.expression.text, known)
                    for variable in s.targets:
                        self.write(variable.text[1:], known)
                case n.If():
                    ends: list[set[str]] = []
                    for branch in s.branches:
                        if branch.condition is not None:
                            self.read(branch.condition.text, known)
                            self.tested.update(_WHOLE.findall(branch.condition.text))
                        ends.append(self.body(branch.body, set(known)))
                    if s.branches[-1].condition is None and ends:
                        known |= set[str].intersection(*ends)
                case n.While():
                    self.read(s.condition.text, known)
                    self.body(s.body, set(known))
                case n.When():
                    self.waits += 1
                    ends = []
                    for case in s.cases:
                        for what in case.patterns:
                            if isinstance(what, n.Pattern):
                                self.pattern(what, known)
                            else:
                                self.arguments(what.arguments, what.block, known)
                        ends.append(self.body(case.body, set(known)))
                    if ends:
                        known |= set[str].intersection(*ends)
                case n.EventStmt():
                    self.arguments(s.arguments, s.block, known)
                case n.CreateStmt():
                    for target in s.targets:
                        if isinstance(target, n.EventStmt):
                            self.arguments(target.arguments, target.block or s.block, known)
                        else:
                            self.pattern(target, known)
                case n.Return():
                    for value in s.values:
                        self.read(value.text, known)
                case n.Check():
                    self.read(s.condition.text, known)
                case n.AnyStmt():
                    self.body(s.items, known)
                case n.ErrorStmt():
                    self.body(s.body, known)
                case n.Stop():
                    self.stops = True
                case n.Priority():
                    self.priority = s.value
                case _:
                    pass
        return known

    def bot(self, s: n.BotStmt, known: set[str]) -> None:
        pattern = s.pattern
        self.pattern(pattern, known)
        found: list[n.Text] = []
        if pattern.text is not None and pattern.kind != "text":
            found.append(pattern.text)
        if s.block is not None and pattern.kind != "block":
            found += [line.text for line in s.block.texts]
        if found and pattern.kind == "intent" and pattern.name.text not in SAYINGS:
            values = tuple([text.value for text in found])
            names = tuple(dict.fromkeys(v for value in values for v in texts.variables(value)))
            self.file.inline.append((pattern.name.text, self.index, values, names))
        if s.block is not None:
            self.arguments(None, s.block, known)


def _trigger(statements: Sequence[n.Stmt]) -> tuple[Trigger | None, str, bool]:
    """The first match of a flow, the type of its first statement, and whether something comes before it."""
    first = ""
    conditional = False
    for s in statements:
        if isinstance(s, (n.Meta, n.Priority, n.LabelStmt)):
            continue
        first = first or type(s).__name__
        if isinstance(s, n.Assign):
            conditional = True
            continue
        if isinstance(s, (n.If, n.While)):
            bodies = [branch.body for branch in s.branches] if isinstance(s, n.If) else [s.body]
            for body in bodies:
                found, inner, _ = _trigger(body)
                if found is not None and found[0] != "bot":
                    return found, first, True
                if inner and inner not in ("Assign", "If", "While"):
                    return None, first, True
            conditional = True
            continue
        return _first_match(s), first, conditional
    return None, first, conditional


def _first_match(s: n.Stmt) -> Trigger | None:
    if isinstance(s, n.UserStmt) and s.patterns:
        return _of_patterns(s.patterns)
    if isinstance(s, n.EventStmt):
        return ("event", s.name.text)
    if isinstance(s, n.BotStmt):
        if s.pattern.kind in ("intent", "any"):
            return ("bot", s.pattern.name.text)
        return None
    if isinstance(s, n.When) and s.cases and s.cases[0].patterns:
        first = s.cases[0].patterns[0]
        return ("event", first.name.text) if isinstance(first, n.EventStmt) else _of_pattern(first)
    if isinstance(s, n.AnyStmt) and s.items:
        return _first_match(s.items[0])
    return None


def _of_patterns(patterns: Sequence[n.Pattern]) -> Trigger:
    whole = whole_name(patterns)
    return _of_pattern(patterns[0]) if whole is None else ("user", whole)


def _of_pattern(pattern: n.Pattern) -> Trigger:
    if pattern.kind in ("any", "wildcard"):
        return ("any", "")
    if pattern.keyword.text == "bot":
        return ("bot", pattern.name.text)
    name = pattern.names[0].text if pattern.names else pattern.name.text
    return ("user", name)


def _step(statements: Sequence[n.Stmt]) -> str:
    """The second statement of a flow, for comparing flows: one that says the same does not compete."""
    steps = [s for s in statements if not isinstance(s, (n.Meta, n.Priority, n.LabelStmt))]
    if len(steps) > 1 and isinstance(steps[1], n.BotStmt):
        return f"bot {steps[1].pattern.name.text}"
    return ""


def scan(module: n.Module, path: str) -> FileFacts:
    """Read one file; linear in its size."""
    file = FileFacts(path)
    for index, definition in enumerate(module.definitions):
        if isinstance(definition, n.FlowDef):
            scanner = _Scanner(file, index)
            scanner.body(definition.body, set())
            trigger, first, conditional = _trigger(definition.body)
            name = definition.name.text if definition.name is not None else None
            if name is None and definition.keyword is None:
                name = definition.id
            file.flows.append(
                FlowFact(
                    path=path,
                    index=index,
                    id=definition.id,
                    name=name or None,
                    is_subflow=definition.kind is not None and definition.kind.text == "subflow",
                    modifiers=tuple([m.text for m in definition.modifiers]),
                    trigger=trigger,
                    first_step=_step(definition.body),
                    starts_with=first,
                    conditional=conditional,
                    priority=scanner.priority,
                    calls=tuple(scanner.calls),
                    variables=tuple(scanner.order),
                    assigned=frozenset(scanner.assigned),
                    early=frozenset(scanner.early),
                    waits=scanner.waits,
                    stops=scanner.stops,
                    tested=frozenset(scanner.tested),
                    computed=frozenset(scanner.computed),
                )
            )
        elif isinstance(definition, n.UserDef):
            samples = tuple(
                [
                    example.parts[0].value
                    for example in definition.examples
                    if len(example.parts) == 1 and isinstance(example.parts[0], n.Text)
                ]
            )
            file.users.append((definition.name.text, index, samples))
            if definition.direct:
                scanner = _Scanner(file, index)
                scanner.body(definition.direct, set())
                file.flows.append(
                    FlowFact(
                        path=path,
                        index=index,
                        id=definition.name.text,
                        name=None,
                        is_subflow=False,
                        modifiers=(),
                        trigger=("user", definition.name.text),
                        starts_with="UserStmt",
                        calls=tuple(scanner.calls),
                        variables=tuple(scanner.order),
                        assigned=frozenset(scanner.assigned),
                        early=frozenset(scanner.early),
                        stops=scanner.stops,
                        tested=frozenset(scanner.tested),
                        computed=frozenset(scanner.computed),
                    )
                )
        elif isinstance(definition, n.BotDef):
            values = tuple([text.value for text in definition.texts])
            names: tuple[str, ...] = ()
            for value in values:
                names += tuple(texts.variables(value))
            file.bots.append((definition.name.text, index, values, tuple(dict.fromkeys(names))))
    return file


_NOT_DIALOG = frozenset(("sample", "test", "response"))


class Facts:
    """The configuration as a whole.

    Args:
        files: The facts of its 1.0 files, in load order.
        rails: Names of flows (of 1.0) that rails lists call, by kind.
        rail_parameters: Names of the parameters that the lists give such a flow.
        actions: Registered Python actions: name -> parameter names; None if unknown.
        outside: Names of variables that Python, prompts or the application mention.
        use_active: Put ``@active`` above flows that start by themselves; else main activates them.
        has_knowledge: There is a knowledge base.
        fallback_intent: The intent of embeddings_only, as the settings name it.
        taken: Names of 2.x flows that exist already.
        guards: Let rails fail closed.
        none_actions: Actions that may return None without having failed.
    """

    def __init__(
        self,
        files: Iterable[FileFacts],
        *,
        rails: Mapping[str, Sequence[str]] | None = None,
        rail_parameters: Mapping[str, Sequence[str]] | None = None,
        actions: Mapping[str, tuple[str, ...]] | None = None,
        outside: Iterable[str] = (),
        fallback_intent: str = "",
        use_active: bool = True,
        has_knowledge: bool = False,
        taken: Iterable[str] = (),
        guards: bool = True,
        none_actions: Container[str] = (),
    ) -> None:
        """Join the files, spell the names, and decide what starts by itself."""
        self.files = {file.path: file for file in files}
        self.rails = dict(rails or {})
        self.rail_parameters = dict(rail_parameters or {})
        self.actions = actions
        self.use_active = use_active
        self.has_knowledge = has_knowledge
        self.guards = guards
        self.none_actions = none_actions
        self.fallback_intent = fallback_intent
        self.flows = {flow.key: flow for file in self.files.values() for flow in file.flows}
        self.taken: set[str] = {name for names in MODULES.values() for name in names}
        self.taken |= {"main", "input rails", "output rails", *taken}
        self._numbers: dict[str, int] = {}  # the next one to try for a name
        self.retrieval: tuple[str, ...] = ()  # statements of 2.x that run the retrieval rails
        self.overrides: set[str] = set()  # names of 2.x messages that replace one of the library
        self._intents()
        self._messages()
        self._flow_names()
        self._decide()
        self._share(outside)
        self._rank()

    # ------------------------------------------------------------ names

    def unique(self, name: str) -> str:
        """The name, or one with a number that nothing else has."""
        if name not in self.taken:
            self.taken.add(name)
            return name
        number = self._numbers.get(name, 2)
        while f"{name}_{number}" in self.taken:
            number += 1
        self._numbers[name] = number + 1
        self.taken.add(f"{name}_{number}")
        return f"{name}_{number}"

    def _intents(self) -> None:
        self.user_names: dict[str, str] = {}
        self.first_user: dict[str, tuple[str, int]] = {}
        self.samples: dict[str, dict[str, None]] = {}  # each once, in order
        self.undefined_users: dict[str, tuple[str, int]] = {}
        for file in self.files.values():
            for name, index, samples in file.users:
                if name not in self.user_names:
                    self.user_names[name] = self.unique(f"user {respell(name)}")
                    self.first_user[name] = (file.path, index)
                self.samples.setdefault(name, {}).update(dict.fromkeys(samples))
        for file in self.files.values():
            for whole, index, parts in file.joined:
                if whole not in self.user_names:
                    for name in parts:
                        file.used_users.setdefault(name, index)
        for file in self.files.values():
            for name, index in file.used_users.items():
                if name not in self.user_names:
                    self.user_names[name] = self.unique(f"user {respell(name)}")
                    self.undefined_users[name] = (file.path, index)
        fallback = self.fallback_intent.removeprefix("user ")
        if fallback and fallback not in self.user_names:
            self.user_names[fallback] = self.unique(f"user {respell(fallback)}")
            if self.files:
                self.undefined_users[fallback] = (next(iter(self.files)), -1)

    def _messages(self) -> None:
        self.bot_names: dict[str, str] = {}
        self.first_bot: dict[str, tuple[str, int]] = {}
        self.bot_texts: dict[str, list[tuple[str, int, str]]] = {}  # with inline ones
        self._known_texts: dict[str, set[str]] = {}
        self.bot_variables: dict[str, list[str]] = {}
        self.missing_bots: dict[str, tuple[str, int]] = {}
        for file in self.files.values():
            for name, index, values, names in file.bots:
                if name not in self.first_bot:
                    self.first_bot[name] = (file.path, index)
                self._message_name(name)
                self._add_texts(name, file.path, index, values, names)
        for file in self.files.values():
            for name, index, values, names in file.inline:
                self._message_name(name)
                self._add_texts(name, file.path, index, values, names)
        for file in self.files.values():
            for name, index in file.used_bots.items():
                if name in self.bot_names:
                    continue
                spelled = f"bot {respell(name)}"
                if spelled in PLAIN_MESSAGES:
                    self.bot_names[name] = spelled
                elif name in MESSAGES:
                    self.bot_names[name] = self.unique(spelled)
                    self.missing_bots[name] = (file.path, index)
                elif spelled in self.taken:
                    self.bot_names[name] = f"{spelled}_2"
                else:
                    self.bot_names[name] = spelled

        self.hoisted: dict[tuple[str, int], list[str]] = {}
        for name, listed in self.bot_texts.items():
            if name not in self.first_bot and listed:
                self.hoisted.setdefault(listed[0][:2], []).append(name)

    def _message_name(self, name: str) -> None:
        if name in self.bot_names:
            return
        spelled = f"bot {respell(name)}"
        if spelled in PLAIN_MESSAGES:
            self.overrides.add(spelled)
            self.bot_names[name] = spelled
        else:
            self.bot_names[name] = self.unique(spelled)

    def _add_texts(
        self, name: str, path: str, index: int, values: Sequence[str], names: Sequence[str]
    ) -> None:
        listed = self.bot_texts.setdefault(name, [])
        known = self._known_texts.setdefault(name, set())
        listed += [(path, index, value) for value in values if value not in known]
        known.update(values)
        variables = self.bot_variables.setdefault(name, [])
        variables += [each for each in names if each not in variables]

    def _flow_names(self) -> None:
        self.flow_names: dict[str, str] = {}
        for flow in self.flows.values():  # names that people gave come first
            if flow.name is not None:
                spelled = flow_name(flow.name)
                known = self.flow_names.get(flow.name)
                if known is not None:
                    flow.new_name = self.unique(spelled)
                else:
                    flow.new_name = self.flow_names[flow.name] = self.unique(spelled)
        for flow in self.flows.values():
            if flow.name is None:
                flow.new_name = self.unique(flow_name(_made_name(flow)))

    # ------------------------------------------------------------ what starts by itself

    def _decide(self) -> None:
        self.followed: dict[str, list[FlowFact]] = {}
        self.called_names = {name for flow in self.flows.values() for name in flow.calls}
        called = self.called_names
        listed = {name for kind in self.rails.values() for name in kind}
        by_name: dict[str, FlowFact] = {}
        for flow in self.flows.values():
            if flow.name is not None:
                by_name.setdefault(flow.name, flow)
        for flow in self.flows.values():
            name = flow.name or ""
            flow.is_rail = name in listed
            if flow.is_rail or flow.is_subflow or not _NOT_DIALOG.isdisjoint(flow.modifiers):
                continue
            if name in PIPELINE or flow.trigger is None:
                continue
            kind, what = flow.trigger
            if name in called and kind in ("bot", "event"):
                continue
            if kind == "bot" and what in self.bot_texts:
                flow.extends = what
                self.followed.setdefault(what, []).append(flow)
                continue
            flow.active = True
        pending = [flow for flow in self.flows.values() if flow.is_rail]
        while pending:
            flow = pending.pop()
            if flow.guarded:
                continue
            flow.guarded = True
            pending += [by_name[name] for name in flow.calls if name in by_name]
        self.last_asked = 0  # place of the last flow that starts with an intent of its own
        for place, flow in enumerate(self.flows.values(), start=1):
            flow.place = place
            if flow.active and flow.trigger is not None and flow.trigger[0] == "user":
                self.last_asked = place
        self.takers = [f for f in self.flows.values() if f.active and f.trigger == ("any", "")]
        self.waiting = any(flow.waits > 1 for flow in self.flows.values())

    def _share(self, outside: Iterable[str]) -> None:
        scopes: dict[str, int] = {}
        for flow in self.flows.values():
            for name in flow.variables:
                scopes[name] = scopes.get(name, 0) + 1
        self.assigned: set[str] = set(SPECIAL_VARIABLES)
        for flow in self.flows.values():
            self.assigned |= flow.assigned
        self.shared: set[str] = set(SPECIAL_VARIABLES) | set(outside)
        self.shared |= {name for name, count in scopes.items() if count > 1}
        for names in self.bot_variables.values():
            self.shared.update(names)
        self.variables = set(scopes) | self.shared
        self.computed = {name for flow in self.flows.values() for name in flow.computed}
        self.tested = {name for flow in self.flows.values() for name in flow.tested}

    def parameters_of(self, flow: FlowFact) -> Sequence[str]:
        """The parameters with which the settings call a flow as a rail."""
        return self.rail_parameters.get(flow.name or "", ()) if flow.is_rail else ()

    def globals_of(self, flow: FlowFact) -> list[str]:
        """The variables that a flow has to declare, in the order it mentions them."""
        given = self.parameters_of(flow)
        return [
            name
            for name in flow.variables
            if (name in self.shared or name in flow.early)
            and name not in MISSING_VARIABLES
            and name not in given
            and (name != LAST_MESSAGE or flow.guarded or name in flow.assigned)
        ]

    def _rank(self) -> None:
        """2.x priorities for flows that share their first trigger (section 7.3)."""
        groups: dict[Trigger, list[FlowFact]] = {}
        for flow in self.flows.values():
            if flow.active and flow.trigger is not None:
                groups.setdefault(flow.trigger, []).append(flow)
        for group in groups.values():
            if len(group) == 1 or (group[0].first_step and len({f.first_step for f in group}) == 1):
                continue
            group.sort(key=lambda flow: -(1.0 if flow.priority is None else flow.priority))
            step = 0.1 if len(group) <= 10 else 1 / len(group)
            for rank, flow in enumerate(group[1:], 1):
                flow.new_priority = round(1.0 - rank * step, 4)

    # ------------------------------------------------------------ questions of the rewrites

    def flow_of(self, path: str, index: int) -> FlowFact | None:
        """The flow of a definition."""
        return self.flows.get((path, index))

    def user(self, name: str) -> str:
        """The 2.x flow of an intent."""
        return self.user_names.get(name) or f"user {respell(name)}"

    def bot(self, name: str) -> str:
        """The 2.x flow of a bot message."""
        return self.bot_names.get(name) or f"bot {respell(name)}"

    def takes_anything_beside(self, flow: FlowFact) -> bool:
        """Whether a flow other than this one starts with any intent."""
        return any(each is not flow for each in self.takers)

    def called(self, name: str) -> str:
        """The 2.x name of a flow that is called by name."""
        return self.flow_names.get(name) or flow_name(name)

    def is_flow(self, name: str) -> bool:
        """Whether a flow of this name can be called: one of the configuration, or of a library."""
        known = name in self.flow_names or flow_name(name) in self.taken
        return known or name in LIBRARY_RAILS or name in PIPELINE

    def is_defined_bot(self, name: str) -> bool:
        """Whether a message has texts, or comes with the core module."""
        return name in self.bot_texts or name in MESSAGES or f"bot {name}" in PLAIN_MESSAGES

    def hoisted_at(self, place: tuple[str, int]) -> list[str]:
        """Messages that have no `define bot` and whose first text stands in this definition."""
        return self.hoisted.get(place, [])

    def is_action(self, name: str) -> bool:
        """Whether an action is registered, or comes with the runtime."""
        from colang.analysis.builtins import ACTIONS

        return name in (self.actions or {}) or action_name(name) in ACTIONS

    def may_return_none(self, name: str) -> bool:
        """Whether the source of an action shows that None is one of its results."""
        return name in self.none_actions

    def followers(self, message: str) -> list[FlowFact]:
        """Flows that follow a message by themselves in 1.0."""
        return self.followed.get(message, [])

    def action(self, name: str) -> tuple[str, bool]:
        """The 2.x name of an action, and whether 2.x finds it without another registration."""
        return action_name(name), is_reachable(name)


def _made_name(flow: FlowFact) -> str:
    """A name for a flow without one: what starts it."""
    if flow.trigger is None:
        return "unnamed flow"
    kind, what = flow.trigger
    if kind == "any":
        return "anything"
    if kind == "event":
        return "on " + re.sub(r"(?<=[a-z0-9])(?=[A-Z])", " ", what).lower()
    if kind == "bot":
        return f"after {what}" if what != "..." else "after any message"
    return what
