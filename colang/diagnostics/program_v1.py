"""What a Colang 1.0 program as a whole gets wrong: CO146 (texts), CO216 to CO219 (names), CO316 to CO320 (flow logic).

One factory function for each code; sections and quirks are those of the Colang 1.0 specification.
"""

from __future__ import annotations

from collections.abc import Iterable

from colang.diagnostics.config import near
from colang.diagnostics.model import Diagnostic, Label, Severity
from colang.source import Span


def undefined_call(name: str, span: Span, known: Iterable[str], *, strict: bool) -> Diagnostic:
    """CO201 (see `names.undefined_flow`) for `do` in Colang 1.0: the turn would end there with an error (5.10)."""
    guess = near(name, known)
    return Diagnostic(
        code="CO201",
        message=f"no flow is named `{name}`",
        span=span,
        severity=Severity.ERROR if strict else Severity.WARNING,
        help=f"did you mean `{guess}`?"
        if guess
        else f"the turn ends here with an error; write `define subflow {name}`",
    )


def undefined_intent(name: str, span: Span, known: Iterable[str], *, guessed: bool) -> Diagnostic:
    """CO216: a flow waits for a user intent that no `define user` defines (5.1).

    Without a model no user can ever mean it. With one, the model may still come up with the name, so that only
    a name that looks misspelt is a warning; then `guessed` is true.
    """
    guess = near(name, known)
    advice = f"write `define user {name}` with examples below it"
    if name.endswith("..."):
        advice = "`something` in a name is read as `...` (3.3); choose another name"
    return Diagnostic(
        code="CO216",
        message=f"no `define user` defines the intent `{name}`",
        span=span,
        severity=Severity.INFO if guessed and guess is None else Severity.WARNING,
        help=f"did you mean `{guess}`?" if guess else advice,
    )


def message_without_text(name: str, span: Span, known: Iterable[str]) -> Diagnostic:
    """CO217: the bot is to say a message that has no text, and there is no model to write one (5.2)."""
    guess = near(name, known)
    return Diagnostic(
        code="CO217",
        message=f"`bot {name}` has no text, and no model is configured that could write it",
        span=span,
        severity=Severity.WARNING if guess else Severity.INFO,
        help=f"did you mean `bot {guess}`?"
        if guess
        else f"write `define bot {name}` with a text below it, or configure a model",
    )


def bad_template(problem: str, span: Span) -> Diagnostic:
    """CO146: a bot text is no well-formed Jinja template; saying it would be an internal error (9.4, T6)."""
    return Diagnostic(
        code="CO146",
        message=f"the template in this text is not well-formed: {problem}",
        span=span,
        severity=Severity.WARNING,
        help="`{{ name }}` and `{% if name %}` are Jinja; close what is open, or write `$name`",
    )


def message_in_two_files(
    kind: str, name: str, span: Span, first: Span, first_path: str
) -> Diagnostic:
    """CO218: one message is defined in two files. Here the texts add up; NeMo Guardrails keeps those of one file."""
    return Diagnostic(
        code="CO218",
        message=f"`define {kind} {name}` stands in two files",
        span=span,
        severity=Severity.WARNING,
        labels=(Label(first, "first defined here", first_path),),
        help="keep all of its texts in one file: NeMo Guardrails uses those of one file only",
    )


def flow_in_two_files(name: str, span: Span, first: Span, first_path: str) -> Diagnostic:
    """CO219: two files define a flow of one name; the first file counts, this flow never runs (10.1)."""
    return Diagnostic(
        code="CO219",
        message=f"the flow `{name}` is defined in an earlier file, so this one never runs",
        span=span,
        severity=Severity.WARNING,
        labels=(Label(first, "this one counts", first_path),),
        help="rename one of them, or delete this one",
    )


def never_starts(name: str, begins_with: str | None, span: Span) -> Diagnostic:
    """CO316: nothing can start this flow: it begins with nothing that waits, and nobody calls it (10.4)."""
    if begins_with is None:
        message = f"nothing starts the flow `{name}`: it waits for nothing"
    else:
        message = f"nothing starts the flow `{name}`: it begins with `{begins_with}`"
    return Diagnostic(
        code="CO316",
        message=message,
        span=span,
        severity=Severity.WARNING,
        help="begin with `user ...` or `event ...`; or make it a subflow, and call it with `do`",
    )


def starts_after_any_event(name: str, span: Span) -> Diagnostic:
    """CO316: a flow that begins with `create event` starts whenever any flow has created an event (R19)."""
    return Diagnostic(
        code="CO316",
        message=f"the flow `{name}` begins with `create event`: it starts whenever any event was created",
        span=span,
        severity=Severity.WARNING,
        help="begin with what it waits for: `user ...` or `event ...`",
    )


def given_up_after_create(event: str, next_word: str, span: Span) -> Diagnostic:
    """CO317: a flow creates an event and goes on with `bot` or `execute`: the event ends it there (R13)."""
    return Diagnostic(
        code="CO317",
        message=f"the flow ends here: the event `{event}` comes before `{next_word}`, and does not match it",
        span=span,
        severity=Severity.WARNING,
        help=f"put `event {event}` on the next line: the flow then takes its own event and goes on",
    )


def raises_and_goes_on(event: str, span: Span) -> Diagnostic:
    """CO320: a rail creates an exception event and ends; NeMo Guardrails then lets pass what it should block (8.2).

    Here an exception of a rail ends the turn. There the turn goes on, and only `stop` (or any other statement that
    would do something) behind the event ends it.
    """
    return Diagnostic(
        code="CO320",
        message=f"without `stop` behind it, `{event}` does not end the turn in NeMo Guardrails",
        span=span,
        severity=Severity.WARNING,
        help="write `stop` on the next line",
    )


def unused_label(name: str, span: Span) -> Diagnostic:
    """CO318: no `goto` of the flow leads to this label."""
    return Diagnostic(
        code="CO318",
        message=f"no `goto` leads to the label `{name}`",
        span=span,
        severity=Severity.INFO,
        help="delete it, or write `goto " + name + "` where it is wanted",
    )


def unused_subflow(name: str, span: Span) -> Diagnostic:
    """CO319: nobody calls this subflow, and it is no rail of the settings."""
    return Diagnostic(
        code="CO319",
        message=f"nobody calls the subflow `{name}`",
        span=span,
        severity=Severity.INFO,
        help=f"call it with `do {name}`, list it under `rails`, or delete it",
    )
