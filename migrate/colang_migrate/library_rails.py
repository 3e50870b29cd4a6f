"""The ready-made rails of 1.0: where 2.x has them, and what stands in for those that the reference ships broken.

Many flows that the reference ships for 2.x read a variable of the conversation without declaring it global, so they
see None: some let everything pass, some stop everything. Each flow below was run on the reference (0.24.1) with its
action replaced by one that blocks and one that does not; those that did not tell the two apart are restated with the
declaration. With ``--target colang`` nothing is restated: the modules here declare what they read.
"""

from __future__ import annotations

from typing import NamedTuple

_ROOT = "nemoguardrails.library"


class LibraryRail(NamedTuple):
    """A ready-made rail: the module of its 2.x flow, and the flow itself where the reference ships a broken one.

    `says` are messages that the flow says and its module does not define.
    """

    module: str
    restated: str = ""
    says: tuple[str, ...] = ()


_UNKNOWN_ANSWER = ("inform answer unknown",)


def _exception(name: str, message: str, otherwise: str) -> str:
    return f"""\
    if $system.config.enable_rails_exceptions
      send {name}(message="{message}")
    else
      {otherwise}
    abort
"""


def _checked(name: str, variable: str, action: str, refusal: str) -> str:
    """A flow that hands a text over and stops what the action finds; no answer of the action stops it as well."""
    return f"""\
flow {name}
  global ${variable}
  $outcome = await {action}
  if not $outcome or $outcome.is_blocked
{refusal}"""


def _on_demand(name: str, action: str, refusal: str, flag: str) -> str:
    """A flow for the messages that ask for it with a flag."""
    indented = "".join([f"  {line}\n" for line in refusal.splitlines()])
    return f"""\
flow {name}
  global ${flag}
  if ${flag} == True
    ${flag} = False
    $outcome = await {action}
    if not $outcome or $outcome.is_blocked
{indented}"""


def _changed(variable: str) -> str:
    return f"""\
  if $outcome.is_transform
    ${variable} = $outcome.transform_text["{variable}"]
"""


_VARIABLES = {"input": "user_message", "output": "bot_message", "retrieval": "relevant_chunks"}
_UNKNOWN = "    bot inform answer unknown\n    abort\n"
_REFUSE = "    bot refuse to respond\n    abort\n"


def _regex(kind: str) -> LibraryRail:
    variable = _VARIABLES[kind]
    call = f'DetectRegexPatternAction(source="{kind}", text=${variable})'
    flow = _checked(f"regex check {kind}", variable, call, _REFUSE)
    return LibraryRail(f"{_ROOT}.regex", flow)


def _clavata(kind: str) -> LibraryRail:
    variable = _VARIABLES[kind]
    message = f"Interaction blocked by clavata check on {kind}."
    refusal = _exception("ClavataPolicyMatchException", message, "bot refuse to respond")
    call = f'ClavataCheckAction(text=${variable}, rail="{kind}")'
    flow = _checked(f"clavata check {kind}", variable, call, refusal)
    return LibraryRail(f"{_ROOT}.clavata", flow)


def _detect(kind: str) -> LibraryRail:
    variable = _VARIABLES[kind]
    call = f'DetectSensitiveDataAction(source="{kind}", text=${variable})'
    flow = _checked(f"detect sensitive data on {kind}", variable, call, _UNKNOWN)
    return LibraryRail(f"{_ROOT}.sensitive_data_detection", flow, _UNKNOWN_ANSWER)


def _mask(kind: str) -> LibraryRail:
    variable = _VARIABLES[kind]
    flow = f"""\
flow mask sensitive data on {kind}
  global ${variable}
  $outcome = await MaskSensitiveDataAction(source="{kind}", text=${variable})
  if not $outcome
    abort
{_changed(variable)}"""
    return LibraryRail(f"{_ROOT}.sensitive_data_detection", flow)


_FACTS = _exception(
    "FactCheckRailException",
    "Fact check failed: the evidence does not support the message.",
    "bot refuse to respond",
)
_ALIGNSCORE = _exception(
    "AlignScoreCheckFactRailException",
    "Fact check failed: the evidence does not support the message.",
    "bot inform answer unknown",
)
_HALLUCINATION = _exception(
    "SelfCheckHallucinationRailException",
    "Hallucination rail triggered: further answers do not agree with the message.",
    "bot inform answer unknown",
)
_INJECTION = _exception(
    "InjectionDetectionRailException",
    "Output not allowed. The output was blocked by the 'injection detection' flow.",
    "bot refuse to respond",
)

LIBRARY_RAILS: dict[str, LibraryRail] = {
    "self check input": LibraryRail(f"{_ROOT}.self_check.input_check"),
    "self check output": LibraryRail(f"{_ROOT}.self_check.output_check"),
    "self check facts": LibraryRail(
        f"{_ROOT}.self_check.facts",
        _on_demand("self check facts", "SelfCheckFactsAction()", _FACTS, "check_facts"),
    ),
    "self check hallucination": LibraryRail(
        f"{_ROOT}.hallucination",
        _on_demand(
            "self check hallucination",
            "SelfCheckHallucinationAction()",
            _HALLUCINATION,
            "check_hallucination",
        ),
        _UNKNOWN_ANSWER,
    ),
    "hallucination warning": LibraryRail(
        f"{_ROOT}.hallucination",
        # What is said within a rail takes the place of the message that is checked: it is put back.
        _on_demand(
            "hallucination warning",
            "SelfCheckHallucinationAction()",
            "    $message = $bot_message\n"
            "    bot inform answer prone to hallucination\n"
            "    $bot_message = $message\n",
            "hallucination_warning",
        ).replace("  global", "  global $bot_message\n  global", 1),
        ("inform answer prone to hallucination",),
    ),
    "content safety check input": LibraryRail(f"{_ROOT}.content_safety"),
    "content safety check output": LibraryRail(f"{_ROOT}.content_safety"),
    "topic safety check input": LibraryRail(f"{_ROOT}.topic_safety"),
    "llama guard check input": LibraryRail(f"{_ROOT}.llama_guard"),
    "llama guard check output": LibraryRail(f"{_ROOT}.llama_guard"),
    "jailbreak detection heuristics": LibraryRail(f"{_ROOT}.jailbreak_detection"),
    "jailbreak detection model": LibraryRail(f"{_ROOT}.jailbreak_detection"),
    "injection detection": LibraryRail(
        f"{_ROOT}.injection_detection",
        _checked(
            "injection detection",
            "bot_message",
            "InjectionDetectionAction(text=$bot_message)",
            _INJECTION,
        )
        + _changed("bot_message"),
    ),
    "detect sensitive data on input": _detect("input"),
    "detect sensitive data on output": _detect("output"),
    "detect sensitive data on retrieval": _detect("retrieval"),
    "mask sensitive data on input": _mask("input"),
    "mask sensitive data on output": _mask("output"),
    "mask sensitive data on retrieval": _mask("retrieval"),
    "alignscore check facts": LibraryRail(
        f"{_ROOT}.factchecking.align_score",
        _on_demand(
            "alignscore check facts", "AlignscoreCheckFactsAction()", _ALIGNSCORE, "check_facts"
        ),
        _UNKNOWN_ANSWER,
    ),
    "patronus lynx check output hallucination": LibraryRail(
        f"{_ROOT}.patronusai",
        says=_UNKNOWN_ANSWER,
    ),
    "regex check input": _regex("input"),
    "regex check output": _regex("output"),
    "regex check retrieval": _regex("retrieval"),
    "clavata check input": _clavata("input"),
    "clavata check output": _clavata("output"),
}
