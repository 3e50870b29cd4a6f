"""CO4xx: the configuration folder, its settings and its rails. One factory function for each code."""

from __future__ import annotations

import difflib
from collections.abc import Iterable

from colang.diagnostics.model import Diagnostic, Label, Severity
from colang.source import Span

START = Span(0, 0)
MAX_COMPARED = 1000  # names a misspelt one is compared with


def near(name: str, known: Iterable[str]) -> str | None:
    """The known name that looks most like `name`, or None if none does.

    >>> near("instrutions", ["instructions", "models"])
    'instructions'
    """
    if len(name) > 100:
        return None
    alike = [other for other in known if abs(len(other) - len(name)) <= 4]
    found = difflib.get_close_matches(name, alike[:MAX_COMPARED], n=1, cutoff=0.7)
    return found[0] if found else None


def bad_yaml(problem: str, span: Span) -> Diagnostic:
    """CO401: a settings file is not well-formed YAML."""
    return Diagnostic(code="CO401", message=f"this is not valid YAML: {problem}", span=span)


def duplicate_key(key: str, span: Span, first: Span) -> Diagnostic:
    """CO402: a mapping has the same key twice; the last one would win silently."""
    return Diagnostic(
        code="CO402",
        message=f"the key `{key}` stands twice in the same mapping",
        span=span,
        labels=(Label(first, "first one here"),),
        help="the last one counts; join the two or delete one",
    )


def unknown_setting(dotted: str, span: Span, known: Iterable[str]) -> Diagnostic:
    """CO403: no setting has this name, so it has no effect. Quirk C1."""
    *parents, last = dotted.split(".")
    guess = near(last, known)
    if guess:
        advice = f"did you mean `{'.'.join([*parents, guess])}`?"
    else:
        advice = "delete it, or move values of your own below `custom_data`"
    return Diagnostic(
        code="CO403",
        message=f"no setting is called `{dotted}`; it has no effect",
        span=span,
        severity=Severity.WARNING,
        help=advice,
    )


def wrong_value(dotted: str, problem: str, span: Span) -> Diagnostic:
    """CO404: the value of a setting has the wrong type or is out of range, or a required key is missing."""
    where = f"`{dotted}`: " if dotted else ""
    return Diagnostic(code="CO404", message=f"{where}{problem}", span=span)


def yaml_limit(problem: str, span: Span) -> Diagnostic:
    """CO405: a settings file is larger than any honest one: size, depth or alias expansion."""
    return Diagnostic(
        code="CO405", message=problem, span=span, help="split the file or write it out"
    )


def setting_twice(dotted: str, span: Span, other: Span, other_path: str) -> Diagnostic:
    """CO406: two settings files give one setting different values. Quirks C3, C4."""
    return Diagnostic(
        code="CO406",
        message=f"`{dotted}` is also set in {other_path}, to another value; this one counts",
        span=span,
        severity=Severity.WARNING,
        labels=(Label(other, "the value that is replaced", other_path),),
        help="keep one of them",
    )


def not_a_mapping(found: str, span: Span) -> Diagnostic:
    """CO407: a settings file holds something else than keys and values."""
    return Diagnostic(
        code="CO407",
        message=f"a settings file is a mapping of settings, this one is {found}",
        span=span,
        help="write lines of the form `setting: value`",
    )


def missing_prompt(rail: str, task: str, span: Span) -> Diagnostic:
    """CO409: a rail asks a model and the prompt for it is missing."""
    return Diagnostic(
        code="CO409",
        message=f"the rail `{rail}` needs a prompt for the task `{task}`, and there is none",
        span=span,
        help=f"add an entry with `task: {task}` to `prompts`",
    )


def unknown_model_type(rail: str, model: str, span: Span, known: Iterable[str]) -> Diagnostic:
    """CO410: a rail refers to a model type that is not configured."""
    known = sorted(known)
    guess = near(model, known)
    listed = ", ".join(f"`{name}`" for name in known) or "none"
    return Diagnostic(
        code="CO410",
        message=f"the rail `{rail}` uses the model type `{model}`, which is not configured",
        span=span,
        help=f"did you mean `{guess}`?" if guess else f"configured model types: {listed}",
    )


def streaming_rewrite(rail: str, span: Span) -> Diagnostic:
    """CO411: output streaming cannot take back text that a rail rewrites later."""
    return Diagnostic(
        code="CO411",
        message=f"the rail `{rail}` rewrites the message, but streaming would have sent it already",
        span=span,
        help="set `rails.output.streaming.stream_first: false` and `context_size: 0`, or do not stream",
    )


def unknown_rail(kind: str, name: str, span: Span, known: Iterable[str]) -> Diagnostic:
    """CO412: the settings name a rail flow that no file defines, so that rail would never run."""
    guess = near(name, known)
    return Diagnostic(
        code="CO412",
        message=f"no flow is named `{name}`, which is listed as {kind} rail",
        span=span,
        help=f"did you mean `{guess}`?" if guess else "define the flow or import its module",
    )


def exclusive_settings(first: str, second: str, span: Span) -> Diagnostic:
    """CO413: two settings exclude each other."""
    return Diagnostic(
        code="CO413",
        message=f"`{first}` and `{second}` exclude each other",
        span=span,
        help="switch one of them off",
    )


def unknown_version(value: object, span: Span) -> Diagnostic:
    """CO414: `colang_version` names no version of the language."""
    advice = 'write `colang_version: "1.0"` or `colang_version: "2.x"`'
    return Diagnostic(
        code="CO414", message=f"`{value}` is not a version of Colang", span=span, help=advice
    )


def no_colang_files(where: str) -> Diagnostic:
    """CO415: a folder without any Colang file."""
    return Diagnostic(
        code="CO415",
        message=f"no Colang file (.co) is in {where}",
        span=START,
        severity=Severity.WARNING,
        help="is this the right folder? An entry in `.railsignore` may leave files out, too",
    )


def unreadable(problem: str) -> Diagnostic:
    """CO416: a file or folder cannot be read."""
    return Diagnostic(code="CO416", message=f"this cannot be read: {problem}", span=START)


def bad_encoding(problem: str, span: Span) -> Diagnostic:
    """CO417: a file is not UTF-8 text."""
    return Diagnostic(
        code="CO417",
        message=f"this file is not UTF-8 text: {problem}",
        span=span,
        help="save it as UTF-8",
    )


def too_large(problem: str) -> Diagnostic:
    """CO418: a file or a folder is larger than any honest one."""
    return Diagnostic(code="CO418", message=problem, span=START, help="is this the right folder?")


def without_effect(dotted: str, reason: str, span: Span) -> Diagnostic:
    """CO419: a setting is known and has no effect. Quirk C9."""
    return Diagnostic(
        code="CO419",
        message=f"`{dotted}` has no effect: {reason}",
        span=span,
        severity=Severity.WARNING,
        help="delete it",
    )


def outside_link(target: str) -> Diagnostic:
    """CO420: a symbolic link in the folder leads out of it, and is not followed."""
    return Diagnostic(
        code="CO420",
        message=f"this link leads out of the folder, to {target}, and is not followed",
        span=START,
        help="copy the files into the folder, or give the other folder as an import path",
    )


def bad_rail_call(kind: str, call: str, problem: str, span: Span) -> Diagnostic:
    """CO421: an entry of a list of rails is not a flow call."""
    return Diagnostic(
        code="CO421",
        message=f"`{call}` is no {kind} rail: {problem}",
        span=span,
        help="write the name of a flow, with parameters as `name $key=value` or `name(key=value)`",
    )


def rail_flow_defined(kind: str, span: Span, flow_span: Span, flow_path: str) -> Diagnostic:
    """CO422: the list of rails and a flow of the same purpose are both there. Section 10."""
    return Diagnostic(
        code="CO422",
        message=f"`rails.{kind}.flows` makes a flow `{kind} rails`, which the program defines as well",
        span=span,
        labels=(Label(flow_span, "defined here", flow_path),),
        help="call the rails in that flow and delete the list, or delete the flow",
    )


def missing_key_variable(variable: str, span: Span) -> Diagnostic:
    """CO423: a model takes its key from an environment variable that is not set."""
    return Diagnostic(
        code="CO423",
        message=f"the environment variable `{variable}` for the API key is not set",
        span=span,
    )


def unknown_embedding_engine(engine: str, known: str, span: Span) -> Diagnostic:
    """CO424: embeddings of an engine that is not built in are not used. Section 9."""
    return Diagnostic(
        code="CO424",
        message=f"no embedding engine `{engine}` is built in; texts are compared by the letters of their words",
        span=span,
        severity=Severity.WARNING,
        help=f"use the engine `{known}`, or let config.py register yours: `app.register_embedding_provider(...)`",
    )
