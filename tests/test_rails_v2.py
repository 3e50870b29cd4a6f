"""The rails of the library in Colang 2.x: what they stop, what they change, and that they fail closed."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

import pytest

import colang
from colang_interpreter import Bot, compile
from colang_interpreter.host.session import Reply
from colang_interpreter.llm import ScriptedModel

REFUSAL = "I'm sorry, I can't respond to that."
ANSWER = "All right."

PROGRAM = """
import core
import guardrails
import nemoguardrails.library.{module}

flow {kind} rails $text
  {call}

flow main
  activate answering
  wait indefinitely

flow answering
  global $answer
  global $user_message
  user said something
  send Heard(message=$user_message)
  bot say $answer
"""

PROMPTS = """
prompts:
  - {task: self_check_input, content: "May this be answered? {{ user_input }}"}
  - {task: self_check_input $variant=strict, content: "STRICTLY {{ user_input }}"}
  - {task: self_check_output, content: "{{ user_input }} -> {{ bot_response }}"}
  - {task: self_check_facts, content: "{{ evidence }} | {{ response }}"}
  - {task: content_safety_check_input $model=guard, content: "{{ user_input }}"}
  - {task: content_safety_check_output $model=guard, content: "{{ user_input }} -> {{ bot_response }}"}
  - {task: topic_safety_check_input $model=guard, content: "{{ user_input }}"}
  - {task: llama_guard_check_input, content: "{{ user_input }}"}
  - {task: llama_guard_check_output, content: "{{ user_input }} -> {{ bot_response }}"}
"""


@dataclass(frozen=True)
class Case:
    """One message through one rail."""

    id: str
    module: str
    call: str
    text: str = ""  # what the bot says, "" for nothing
    kind: str = "input"
    settings: str = ""  # below `rails.config`
    llm: tuple[str | Exception, ...] = ()
    model: str = "llm"  # the parameter that gives the model
    user: str = "hello"
    answer: str = ANSWER
    context: dict[str, Any] = field(default_factory=dict[str, Any])
    heard: str | None = None  # the message the program sees, None if none
    prompt: str | None = None  # of the first call
    exception: str | None = None  # the event instead of a refusal
    note: str = ""  # in the trace


INPUT = "self_check.input_check", "self check input"
OUTPUT = "self_check.output_check", "self check output"
FACTS = "self_check.facts", "self check facts"
SAFE_IN = "content_safety", 'content safety check input $model="guard"'
SAFE_OUT = "content_safety", 'content safety check output $model="guard"'
TOPIC = "topic_safety", 'topic safety check input $model="guard"'
GUARD_IN, GUARD_OUT = ("llama_guard", "llama guard check input"), ("llama_guard", "llama guard check output")  # fmt: skip
HALLU = "hallucination", "self check hallucination"
WARN = "hallucination", "hallucination warning"
DETECT, MASK = ("sensitive_data_detection", "detect sensitive data on input"), ("sensitive_data_detection", "mask sensitive data on input")  # fmt: skip
MASK_OUT = "sensitive_data_detection", "mask sensitive data on output"
DETECT_OUT = "sensitive_data_detection", "detect sensitive data on output"
MAIL = "sensitive_data_detection: {input: {entities: [EMAIL_ADDRESS]}, output: {entities: [EMAIL_ADDRESS, CREDIT_CARD], mask_token: '#'}}"
REGEX_IN, REGEX_OUT = ("regex", "regex check input"), ("regex", "regex check output")
SECRET = "regex_detection: {input: {patterns: ['pass(word|phrase)'], case_insensitive: true}, output: {patterns: ['\\bkey-[0-9]+']}}"
INJECTION = "injection_detection", "injection detection"
REJECT = "injection_detection: {injections: [code, sqli, xss, template]}"
OMIT = "injection_detection: {injections: [xss], action: omit}"
HEURISTICS, CLASSIFIER = ("jailbreak_detection", "jailbreak detection heuristics"), ("jailbreak_detection", "jailbreak detection model")  # fmt: skip

CASES = [
    Case("input allowed", *INPUT, llm=("No",), text=ANSWER, heard="hello", prompt="May this be answered? hello"),
    Case("input blocked", *INPUT, llm=("Yes",), text=REFUSAL, exception="InputRailException"),
    Case("input unclear", *INPUT, llm=("Hmm.",), text=REFUSAL, exception="InputRailException"),
    Case("input variant", INPUT[0], 'self check input $variant="strict"', llm=("no",), text=ANSWER, heard="hello", prompt="STRICTLY hello"),
    Case("input of its own model", *INPUT, llm=("no",), model="self_check_input_llm", text=ANSWER, heard="hello"),
    Case("input model fails", *INPUT, llm=(ValueError("x"),), text=REFUSAL, note="SelfCheckInputAction"),
    Case("input without model", *INPUT, model="nobody", text=REFUSAL, note="needs a language model"),
    Case("output allowed", *OUTPUT, kind="output", llm=("no",), text=ANSWER, heard="hello", prompt="hello -> All right."),
    Case("output blocked", *OUTPUT, kind="output", llm=("yes",), text=REFUSAL, heard="hello", exception="OutputRailException"),
    Case("output model fails", *OUTPUT, kind="output", llm=(), heard="hello", text=REFUSAL, note="SelfCheckOutputAction"),
    Case("facts not asked for", *FACTS, kind="output", text=ANSWER, heard="hello"),
    Case("facts supported", *FACTS, kind="output", context={"check_facts": True, "relevant_chunks": "It is."}, llm=("Yes.",), text=ANSWER, heard="hello", prompt="It is. | All right."),
    Case("facts not supported", *FACTS, kind="output", context={"check_facts": True, "relevant_chunks": "It is."}, llm=("no",), text=REFUSAL, heard="hello", exception="FactCheckRailException"),
    Case("facts unclear", *FACTS, kind="output", context={"check_facts": True, "relevant_chunks": "It is."}, llm=("perhaps",), text=REFUSAL, heard="hello", exception="FactCheckRailException"),
    Case("facts without evidence", *FACTS, kind="output", context={"check_facts": True}, text=ANSWER, heard="hello"),
    Case("hallucination not asked for", *HALLU, kind="output", text=ANSWER, heard="hello"),
    Case("hallucination agreed", *HALLU, kind="output", context={"check_hallucination": True}, llm=("a", "b", "yes"), text=ANSWER, heard="hello", prompt="hello"),
    Case("hallucination", *HALLU, kind="output", context={"check_hallucination": True}, llm=("a", "b", "no"), text="I don't know the answer to that.", heard="hello", exception="SelfCheckHallucinationRailException"),
    Case("hallucination model fails", *HALLU, kind="output", context={"check_hallucination": True}, llm=("a",), heard="hello", text="I don't know the answer to that.", note="SelfCheckHallucinationAction"),
    Case("warning", *WARN, kind="output", context={"hallucination_warning": True}, llm=("a", "b", "no"), text=f"Please note that this answer may be wrong: I may have made it up.\n{ANSWER}", heard="hello"),
    Case("safe input", *SAFE_IN, model="guard_llm", llm=("safe",), text=ANSWER, heard="hello", prompt="hello"),
    Case("unsafe input", *SAFE_IN, model="guard_llm", llm=("unsafe S1",), text=REFUSAL, exception="ContentSafetyCheckInputException"),
    Case("safety model missing", *SAFE_IN, llm=("safe",), note="no model of type `guard`"),
    Case("safe output", *SAFE_OUT, kind="output", model="guard_llm", llm=("safe",), text=ANSWER, heard="hello", prompt="hello -> All right."),
    Case("unsafe output", *SAFE_OUT, kind="output", model="guard_llm", llm=("unsafe",), text=REFUSAL, heard="hello", exception="ContentSafetyCheckOuputException"),
    Case("on topic", *TOPIC, model="guard_llm", llm=("on-topic",), text=ANSWER, heard="hello"),
    Case("off topic", *TOPIC, model="guard_llm", llm=("Off-topic.",), text=REFUSAL, exception="TopicSafetyCheckInputException"),
    Case("topic unclear", *TOPIC, model="guard_llm", llm=("who knows",), note="on-topic"),
    Case("guard allows input", *GUARD_IN, model="llama_guard_llm", llm=("safe",), text=ANSWER, heard="hello"),
    Case("guard stops input", *GUARD_IN, model="llama_guard_llm", llm=("unsafe\nS3",), text=REFUSAL, exception="LlamaGuardInputRailException"),
    Case("guard missing", *GUARD_IN, llm=("safe",), note="no model of type `llama_guard`"),
    Case("guard allows output", *GUARD_OUT, kind="output", model="llama_guard_llm", llm=("safe",), text=ANSWER, heard="hello"),
    Case("guard stops output", *GUARD_OUT, kind="output", model="llama_guard_llm", llm=("unsafe\nS3",), text=REFUSAL, heard="hello", exception="LlamaGuardOutputRailException"),
    Case("regex input", *REGEX_IN, settings=SECRET, user="My PassWord is x", text=REFUSAL, exception="InputRailException"),
    Case("regex input passes", *REGEX_IN, settings=SECRET, user="key-1", text=ANSWER, heard="key-1"),
    Case("regex output", *REGEX_OUT, kind="output", settings=SECRET, answer="It is key-42", text=REFUSAL, heard="hello", exception="OutputRailException"),
    Case("regex wrong", *REGEX_IN, settings="regex_detection: {input: {patterns: ['(']}}", text=REFUSAL, note="DetectRegexPatternAction"),
    Case("regex for ever", *REGEX_IN, settings="regex_detection: {input: {patterns: ['(a+)+$']}}", text=REFUSAL, note="could run for ever"),
    Case("mail detected", *DETECT, settings=MAIL, user="I am kim@example.org", text=REFUSAL),
    Case("no mail", *DETECT, settings=MAIL, user="I am kim at example", text=ANSWER, heard="I am kim at example"),
    Case("mail masked", *MASK, settings=MAIL, user="I am k@x.org!", text=ANSWER, heard="I am *******!"),
    Case("card masked", *MASK_OUT, kind="output", settings=MAIL, answer="4111 1111 1111 1111, not 4111 1111 1111 1112", text="###################, not 4111 1111 1111 1112", heard="hello"),
    Case("output detected", *DETECT_OUT, kind="output", settings=MAIL, answer="ask a@b.de", text=REFUSAL, heard="hello"),
    Case("person cannot be found", *MASK, settings="sensitive_data_detection: {input: {entities: [PERSON]}}", note="PERSON cannot be found"),
    Case("code", *INJECTION, kind="output", settings=REJECT, answer="import os; os.system('x')", text=REFUSAL, heard="hello", exception="InjectionDetectionRailException"),
    Case("sql", *INJECTION, kind="output", settings=REJECT, answer="x' OR '1'='1", text=REFUSAL, heard="hello"),
    Case("template", *INJECTION, kind="output", settings=REJECT, answer="{{ ''.__class__ }}", text=REFUSAL, heard="hello"),
    Case("harmless", *INJECTION, kind="output", settings=REJECT, text=ANSWER, heard="hello"),
    Case("omitted", *INJECTION, kind="output", settings=OMIT, answer="see <<script script>this", text="see >this", heard="hello"),
    Case("nothing to find", *INJECTION, kind="output", heard="hello", text=REFUSAL, note="names nothing to look for"),
    Case("yara", *INJECTION, kind="output", settings="injection_detection: {injections: [xss], yara_path: x}", heard="hello", text=REFUSAL, note="YARA"),
    Case("no heuristics", *HEURISTICS, text=REFUSAL, note="jailbreak detection needs a service"),
    Case("no classifier", *CLASSIFIER, text=REFUSAL, note="jailbreak detection needs a service"),
]  # fmt: skip


def config_of(case: Case, exceptions: bool) -> str:
    lines = ['colang_version: "2.x"', PROMPTS]
    if exceptions:
        lines.append("enable_rails_exceptions: true")
    if case.settings:
        lines.append(f"rails:\n  config:\n    {case.settings}")
    return "\n".join(lines)


def play(case: Case, model: Any, exceptions: bool = False, turns: int = 1) -> list[Reply]:
    program = PROGRAM.format(module=case.module, kind=case.kind, call=case.call)
    files = {"main.co": program, "config.yml": config_of(case, exceptions)}
    bot = Bot(compile(colang.Project.from_texts(files)))
    bot.register_action_param(case.model, model)

    async def talk() -> list[Reply]:
        context = {"answer": case.answer, **case.context}
        async with bot.session(seed=1, context=context) as session:
            return [await session.say(case.user) for _ in range(turns)]

    return asyncio.run(talk())


def heard(reply: Reply) -> str | None:
    found = [event["message"] for event in reply.events if event["type"] == "Heard"]
    return found[0] if found else None


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.id)
def test_a_message_and_a_rail(case: Case) -> None:
    model = ScriptedModel(case.llm)
    [reply] = play(case, model)
    notes = "\n".join(note.text for note in reply.trace.notes)
    assert (reply.text, heard(reply)) == (case.text, case.heard), notes
    assert case.note in notes
    assert bool(case.note) == bool(notes), notes
    assert case.prompt is None or model.calls[0].text == case.prompt


@pytest.mark.parametrize(
    "case", [case for case in CASES if case.exception], ids=lambda case: case.id
)
def test_exceptions_instead_of_refusals(case: Case) -> None:
    [reply] = play(case, ScriptedModel(case.llm), exceptions=True)
    assert reply.text == ""
    raised = [event for event in reply.events if event["type"].endswith("Exception")]
    assert [event["type"] for event in raised] == [case.exception]
    assert raised[0]["message"]


def test_a_failure_switches_no_later_message_off() -> None:
    case = next(case for case in CASES if case.id == "output model fails")
    failed, stopped, passed = play(case, ScriptedModel([ValueError("x"), "yes", "no"]), turns=3)
    assert [failed.text, stopped.text, passed.text] == [REFUSAL, REFUSAL, ANSWER]


# ---------------------------------------------------------------- rails of authors

OWN = """
import core
import guardrails

flow input rails $input_text
  {call}

flow helper
  $bad = await IsBadAction()
  return $bad

flow main
  activate answering
  wait indefinitely

flow answering
  user said something
  bot say "All right."
"""


async def explode() -> bool:
    raise ValueError("no answer")


async def fine() -> bool:
    return True


def own(call: str) -> tuple[str, str]:
    program = OWN.format(call=call.replace("\n", "\n  "))
    files = {"main.co": program, "config.yml": 'colang_version: "2.x"\n'}
    bot = Bot(
        compile(colang.Project.from_texts(files)),
        actions={"IsBadAction": explode, "FineAction": fine},
    )

    async def talk() -> Reply:
        async with bot.session(seed=1) as session:
            return await session.say("hello")

    reply = asyncio.run(talk())
    return reply.text, "\n".join(note.text for note in reply.trace.notes)


@pytest.mark.parametrize(
    "call",
    [
        "$bad = await IsBadAction()\nif $bad\n  abort",
        "await IsBadAction()",
        "$bad = await IsBadAction() or IsBadAction()\nif $bad\n  abort",
        "when IsBadAction() as $bad\n  pass",
        "$bad = await IsBadAction()\nreturn",
        "$bad = await IsBadAction()\nawait FineAction()",
        "helper",
        "$bad = await helper\nif $bad == None\n  return",
    ],
    ids=["value", "no value", "group", "when", "return", "another action", "helper", "its value"],
)
def test_an_action_that_fails_lets_nothing_pass(call: str) -> None:
    text, notes = own(call)
    assert text == ""
    assert "IsBadAction" in notes


@pytest.mark.parametrize(
    "call",
    [
        '$bad = await IsBadAction()\nif $bad is None\n  bot say "Try later."\n  abort',
        '$bad = await IsBadAction()\nif $bad is None\n  bot say "Try later."',
        '$bad = await IsBadAction()\nif not $bad\n  bot say "Try later."\n  $input_text = "x"',
    ],
    ids=["abort", "would pass", "would go on"],
)
def test_a_rail_whose_action_fails_may_say_so_and_stops_the_message(call: str) -> None:
    assert own(call)[0] == "Try later."


def test_a_saved_conversation_remembers_that_a_rail_cannot_tell() -> None:
    call = "$bad = await IsBadAction()\n  match GoOn()"
    files = {"main.co": OWN.format(call=call), "config.yml": 'colang_version: "2.x"\n'}
    program = compile(colang.Project.from_texts(files))

    def bot() -> Bot:
        return Bot(program, actions={"IsBadAction": explode})

    async def talk() -> str:
        async with bot().session(seed=1) as session:
            assert (await session.say("hello")).text == ""
            saved = session.dump()
        async with bot().restore_session(saved) as session:
            return (await session.send({"type": "GoOn"})).text

    assert asyncio.run(talk()) == ""


@pytest.mark.parametrize(
    ("call", "text"),
    [
        ('when IsBadAction()\n  pass\nelse\n  bot say "Not now."\n  abort', "Not now."),
        (
            "start IsBadAction() as $check\nmatch $check.Finished() as $end\nif not $end.is_success\n  bot say 'Unchecked.'",
            "Unchecked.\nAll right.",
        ),
    ],
    ids=["else", "is_success"],
)
def test_an_author_can_say_what_a_failure_means(call: str, text: str) -> None:
    assert own(call)[0] == text


def test_outside_of_rails_a_failed_action_gives_none() -> None:
    program = (
        "import core\n\nflow main\n  $x = await IsBadAction()\n  send Got(x=$x)\n  match Never()\n"
    )
    bot = Bot(
        compile(colang.Project.from_texts({"main.co": program})), actions={"IsBadAction": explode}
    )

    async def talk() -> Iterable[dict[str, Any]]:
        async with bot.session(seed=1) as session:
            return (await session.send()).events

    assert [event["x"] for event in asyncio.run(talk()) if event["type"] == "Got"] == [None]
