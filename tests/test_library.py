"""What the flows of the standard library do beyond the conformance data, as scenarios.

Each case: a program, and the turns of one conversation with it. Models are stubs of their actions.
"""

from __future__ import annotations

import asyncio
import textwrap
from typing import Any

import pytest

from colang.scenario import load_scenario
from colang_interpreter.host.actions import action
from colang_interpreter.host.bot import Bot
from colang_interpreter.scenarios.player import SessionPlayer, session_opener
from colang_interpreter.scenarios.playing import ScenarioResult, play
from colang_interpreter.v2.program import compile_text


@action(name="CheckAction")
async def check(text: str, context: dict[str, Any]) -> bool:
    """A rail that takes its time; sees whether $bot_message is still what it is asked about."""
    for _ in range(len(text)):
        await asyncio.sleep(0)
    assert text in str(context.get("bot_message")), "another message is under check"
    return "bad" not in text


def played(program: str, conversation: str, rest: str = "", seed: int = 0) -> ScenarioResult:
    text = f"title: t\nseed: {seed}\n{textwrap.dedent(rest)}\nconversations:\n  - turns:\n"
    text += textwrap.indent(textwrap.dedent(conversation).strip("\n"), " " * 6)
    scenario, problems = load_scenario(text)
    assert scenario is not None, problems
    compiled = compile_text(textwrap.dedent(program).strip("\n") + "\n")
    return asyncio.run(play(scenario, session_opener(compiled, [check])))


RAIL = """
import core
import guardrails
import avatars

flow output rails $output_text
  global $bot_message
  $ok = await CheckAction(text=$output_text)
  if not $ok
    bot say "I can't say that."
    abort
  $bot_message = "<{$bot_message}>"
"""

CASES: dict[str, tuple[str, str, str]] = {
    # ------------------------------------------------------------ guardrails
    "after a stopped message the next ones are checked": (
        RAIL + """
        flow main
          global $output_rails_in_progress
          activate answer
          match Show()
          send Flag(on=$output_rails_in_progress)
        flow answer
          $text = await user said something
          bot say $text
        """,
        """
        - {user: bad, bot: ["I can't say that."]}
        - {user: bad, bot: ["I can't say that."]}
        - {user: good, bot: ["<good>"]}
        - {user: bad, bot: ["I can't say that."]}
        - {event: {type: Show}, events: [{type: Flag, "on": false}]}
        """,
        "",
    ),
    "messages of several loops are checked one after the other": (
        RAIL + """
        flow main
          activate first and second and third
          wait indefinitely
        @loop("1")
        flow first
          match Go()
          bot say "a long and good story"
        @loop("2")
        flow second
          match Go()
          bot say "bad"
        @loop("3")
        flow third
          match Go()
          bot say "good"
        """,
        """
        - event: {type: Go}
          bot: ["<a long and good story>", "I can't say that.", "<good>"]
        - event: {type: Go}
          bot: ["<a long and good story>", "I can't say that.", "<good>"]
        """,
        "",
    ),
    "what others say while a rail speaks is checked": (
        """
        import core
        import guardrails
        flow output rails $output_text
          send Checked(text=$output_text)
          if $output_text == "story"
            bot say "let me see"
            match Seen()
        @loop("other")
        flow other
          match Interrupt()
          bot say "by the way"
        flow main
          activate other
          start bot say "story"
          wait indefinitely
        """,
        """
        - {bot: [let me see], events: [{type: Checked, text: story}]}
        - event: {type: Interrupt}
        - event: {type: Seen}
          bot: [story, by the way]
          events: [{type: Checked, text: by the way}]
        """,
        "",
    ),
    "a rail that speaks and agrees does not replace the message": (
        """
        import core
        import guardrails
        flow output rails $output_text
          bot say "One moment."
        flow main
          global $last_bot_message
          bot say "the answer"
          send Last(text=$last_bot_message)
          wait indefinitely
        """,
        '- {bot: ["One moment.", "the answer"], events: [{type: Last, text: the answer}]}',
        "",
    ),
    "a check that is broken off from outside holds up nobody": (
        """
        import core
        import guardrails
        import avatars
        flow output rails $output_text
          if $output_text == "slow"
            match Never()
        flow main
          start slow speaker
          match Stop()
          fail all bot actions
          bot say "next"
          wait indefinitely
        flow slow speaker
          bot say "slow"
        """,
        """
        - bot: []
        - {event: {type: Stop}, bot: [next]}
        """,
        "",
    ),
    "flows of one loop that say the same are checked and heard once": (
        RAIL + """
        flow main
          activate first and second
          wait indefinitely
        flow first
          user said something
          bot say "same"
        flow second
          user said "hi"
          bot say "same"
        """,
        """
        - {user: hi, bot: ["<same>"]}
        - {user: hi, bot: ["<same>"]}
        """,
        "",
    ),
    "two flows of one loop that are stopped with the same words refuse once": (
        RAIL
        + """
        flow main
          activate first and second
          wait indefinitely
        flow first
          user said something
          bot say "bad"
        flow second
          user said "hi"
          bot say "bad"
        """,
        """
        - {user: hi, bot: ["I can't say that."]}
        - {user: hi, bot: ["I can't say that."]}
        """,
        "",
    ),
    "messages started one after the other are all said": (
        RAIL + """
        flow main
          start bot say "1"
          start bot say "2"
          bot say "3"
          wait indefinitely
        """,
        '- bot: ["<1>", "<2>", "<3>"]',
        "",
    ),
    "a rail that fails by mistake stops the message": (
        """
        import core
        import guardrails
        flow output rails $output_text
          $x = 1 / 0
        flow input rails $input_text
          $x = $input_text.no_such_thing
        flow main
          activate reaction
          bot say "hello"
        flow reaction
          user said something
          send Heard()
        """,
        """
        - bot: []
        - user: hi
        """,
        "",
    ),
    "input rails are not run again by those who only watch": (
        """
        import core
        import guardrails
        flow input rails $input_text
          send Checked(text=$input_text)
        flow main
          global $user_talking_state
          global $last_user_transcript
          activate tracking user talking state
          activate reaction
          match Show()
          send State(talks=$user_talking_state, last=$last_user_transcript)
        flow reaction
          user said something
        """,
        """
        - {event: {type: UtteranceUserActionStarted, action_uid: u}}
        - {user: hi, events: [{type: Checked, text: hi}]}
        - {event: {type: Show}, events: [{type: State, talks: false, last: hi}]}
        """,
        "",
    ),
    "growing transcripts pass the input rails": (
        """
        import core
        import guardrails
        flow input rails $input_text
          if search("bad", $input_text)
            abort
        flow main
          activate reaction
          wait indefinitely
        flow reaction
          user saying "stop"
          send Stopped()
        """,
        """
        - event: {type: UtteranceUserActionTranscriptUpdated, action_uid: u, interim_transcript: bad stop}
        - event: {type: UtteranceUserActionTranscriptUpdated, action_uid: u, interim_transcript: oh stop it}
          events: [{type: Stopped}]
        """,
        "",
    ),
    # ------------------------------------------------------------ core
    "the bot talks as long as its utterance": (
        """
        import core
        import avatars
        flow main
          activate tracking bot talking state
          activate show state
          start tell a story
          wait indefinitely
        flow tell a story
          bot say "one"
          bot say "two"
        flow show state
          global $bot_talking_state
          global $last_bot_script
          match Show()
          send State(talks=$bot_talking_state, last=$last_bot_script)
        """,
        """
        - {bot: [one]}
        - {wait: 2, bot: [two]}
        - {event: {type: Show}, events: [{type: State, talks: true, last: one}]}
        - {wait: 2}
        - {event: {type: Show}, events: [{type: State, talks: false, last: two}]}
        """,
        "durations: {UtteranceBotAction: 2}",
    ),
    "an utterance broken off is not the last thing said": (
        """
        import core
        import avatars
        flow main
          activate tracking bot talking state
          activate show state
          activate stopping
          start bot say "a story"
          wait indefinitely
        @loop("stop")
        flow stopping
          match Stop()
          fail all bot actions
        flow show state
          global $bot_talking_state
          global $last_bot_script
          match Show()
          send State(talks=$bot_talking_state, last=$last_bot_script)
        """,
        """
        - {bot: [a story]}
        - {event: {type: Show}, events: [{type: State, talks: true, last: null}]}
        - {event: {type: Stop}, events: [{type: StopUtteranceBotAction}]}
        - {event: {type: Show}, events: [{type: State, talks: false, last: null}]}
        """,
        "durations: {UtteranceBotAction: endless}",
    ),
    "tracking that was off for a while knows the present": (
        """
        import core
        flow main
          activate tracking bot talking state
          activate show state
          start bot say "a story"
          match Off()
          deactivate tracking bot talking state
          match On()
          activate tracking bot talking state
          wait indefinitely
        flow show state
          global $bot_talking_state
          match Show()
          send State(talks=$bot_talking_state)
        """,
        """
        - {bot: [a story]}
        - {wait: 1, event: {type: "Off"}}
        - {event: {type: "On"}}
        - {event: {type: Show}, events: [{type: State, talks: true}]}
        - wait: 2
        - {event: {type: Show}, events: [{type: State, talks: false}]}
        """,
        "durations: {UtteranceBotAction: 2}",
    ),
    "the last message is what was heard, not what a rail took away": (
        RAIL + """
        flow main
          global $last_bot_message
          activate tracking bot talking state
          bot say "secret"
          match Show()
          send Last(text=$last_bot_message)
        """,
        """
        - {bot: ["<secret>"]}
        - {event: {type: Show}, events: [{type: Last, text: <secret>}]}
        """,
        "",
    ),
    "a pattern for a growing transcript is taken as it is": (
        """
        import core
        flow main
          user saying (regex("^no+$"))
          send Got()
          wait indefinitely
        """,
        """
        - event: {type: UtteranceUserActionTranscriptUpdated, action_uid: u, interim_transcript: NO}
        - event: {type: UtteranceUserActionTranscriptUpdated, action_uid: u, interim_transcript: nooo}
          events: [{type: Got}]
        """,
        "",
    ),
    "the last words of a growing transcript count": (
        """
        import core
        flow main
          while True
            user saying "stop"
            send Got()
        """,
        """
        - {event: &a {type: UtteranceUserActionTranscriptUpdated, interim_transcript: "stop, one two three"}}
        - {event: {<<: *a, interim_transcript: "Stopping it!"}, events: [{type: Got}]}
        - {event: {<<: *a, interim_transcript: "STOP?"}, events: [{type: Got}]}
        """,
        "",
    ),
    # ------------------------------------------------------------ timing
    "silence is counted from the last sign of speech": (
        """
        import timing
        flow main
          user was silent 10
          send Silent()
          wait indefinitely
        """,
        """
        - wait: 9
        - event: {type: UtteranceUserActionTranscriptUpdated, action_uid: u, interim_transcript: hm}
        - wait: 30
        - event: {type: UtteranceUserActionFinished, action_uid: u, final_transcript: hm hm}
        - wait: 9
        - {wait: 2, events: [{type: Silent}]}
        """,
        "",
    ),
    "a bot that talks is not waiting for a response": (
        """
        import core
        import timing
        flow main
          start bot say "a long question"
          user didnt respond 5
          bot say "Well?"
          wait indefinitely
        """,
        """
        - bot: [a long question]
        - wait: 12
        - {wait: 4, bot: ["Well?"]}
        """,
        "durations: {UtteranceBotAction: 8}",
    ),
    # ------------------------------------------------------------ avatars
    "a choice made earlier counts": (
        """
        import avatars
        flow main
          activate tracking visual choice selection state
          match Go()
          user has selected choice "a"
          send Chosen()
          wait indefinitely
        """,
        """
        - event: {type: VisualChoiceSceneActionChoiceUpdated, action_uid: c, current_choice: [a, b]}
        - {event: {type: Go}, events: [{type: Chosen}]}
        """,
        "",
    ),
    "a choice taken back does not count": (
        """
        import avatars
        flow main
          activate tracking visual choice selection state
          match Go()
          user has selected choice "a"
          send Chosen()
          wait indefinitely
        """,
        """
        - event: {type: VisualChoiceSceneActionChoiceUpdated, action_uid: c, current_choice: [a]}
        - event: {type: VisualChoiceSceneActionChoiceUpdated, action_uid: c, current_choice: []}
        - event: {type: Go}
        - event: {type: VisualChoiceSceneActionChoiceUpdated, action_uid: c, current_choice: [a]}
          events: [{type: Chosen}]
        """,
        "",
    ),
    "the bot begins something": (
        """
        import avatars
        flow main
          activate watching
          match Go()
          bot gesture "wave"
          bot say "hello"
          wait indefinitely
        @loop("watch")
        flow watching
          bot started an action as $it
          send Began(flow=$it.action.flow_id)
        """,
        """
        - event: {type: Go}
          bot: [hello]
          events:
            - {type: StartGestureBotAction, gesture: wave}
            - {type: Began, flow: bot started a gesture}
            - {type: Began, flow: bot started saying something}
        """,
        "",
    ),
    "an interruption may be answered on the screen": (
        """
        import core
        import avatars
        flow main
          activate handling bot talking interruption
          start bot say "a long story"
          wait indefinitely
        """,
        """
        - bot: [a long story]
        - event: {type: UtteranceUserActionTranscriptUpdated, action_uid: u, interim_transcript: please cancel}
          events: [{type: StartVisualInformationSceneAction, content: [], support_prompts: []}]
        - wait: 2
        - {wait: 2, events: [{type: StopVisualInformationSceneAction}]}
        - event: {type: UtteranceUserActionTranscriptUpdated, action_uid: v, interim_transcript: I have a question}
          events: [{type: StartVisualInformationSceneAction}]
        """,
        "durations: {UtteranceBotAction: endless}",
    ),
    "a value of the wrong kind is not shown": (
        """
        import avatars
        flow main
          bot gesture 3
          bot posture 3
          bot gesture with delay 3 1
          scene show choice 1 []
          scene show textual information "a" "b" None
          scene show short information 1
          scene show form 1 []
          send Done()
          wait indefinitely
        """,
        "- {bot: [], events: [{type: Done}]}",
        "",
    ),
    "an idle body wakes up when somebody comes": (
        """
        import avatars
        flow main
          activate managing bot postures $with_idling=True
          wait indefinitely
        """,
        """
        - events: [{type: StartPostureBotAction, posture: idle}]
        - event: {type: PresenceUserActionStarted, action_uid: p}
          events: [{type: StartPostureBotAction, posture: attentive}]
        - event: {type: UtteranceUserActionStarted, action_uid: u}
          events: [{type: StartPostureBotAction, posture: listening}]
        - event: {type: PresenceUserActionFinished, action_uid: p}
          events: [{type: StopPostureBotAction}, {type: StopPostureBotAction}]
        """,
        "",
    ),
    # ------------------------------------------------------------ llm, with stubs for the model
    "an intent nobody waits for is continued": (
        """
        import llm
        flow main
          activate llm continuation
          wait indefinitely
        """,
        """
        - {user: tell me a joke, bot: [Knock knock]}
        - {user: another, bot: [Knock knock]}
        """,
        """
        stubs:
          RetrieveRelevantChunksAction: null
          GenerateUserIntentAction: user asked for a joke
          GenerateFlowContinuationAction:
            sequence:
              - {name: _dynamic_1 joke, body: "flow _dynamic_1 joke\\n  bot say 'Knock knock'"}
              - {name: _dynamic_2 joke, body: "flow _dynamic_2 joke\\n  bot say 'Knock knock'"}
        """,
    ),
    "an expected intent is answered by its flow": (
        """
        import llm
        flow main
          activate llm continuation
          activate answer
          wait indefinitely
        flow answer
          user asked opening hours
          bot say "At nine."
        flow user asked opening hours
          user said "when do you open"
        """,
        """
        - {user: opening times please, bot: ["At nine."]}
        - {user: when do you open, bot: ["At nine."]}
        - {user: opening times please, bot: ["At nine."]}
        """,
        "stubs: {GenerateUserIntentAction: user asked opening hours}",
    ),
    "a model that fails leaves the bot as it was": (
        """
        import llm
        flow main
          activate llm continuation
          activate answer
          wait indefinitely
        flow answer
          user said "hi"
          bot say "Hello."
        """,
        """
        - user: what?
        - {user: hi, bot: ["Hello."]}
        - user: what?
        """,
        "stubs: {GenerateUserIntentAction: {raises: no model}}",
    ),
    "the program's own flow is not forgotten after a continuation": (
        """
        import llm
        flow main
          activate automating intent detection
          activate continuation on unhandled user utterance
          start bot explain
          wait indefinitely
        flow bot explain
          bot say "I am a bot."
        """,
        """
        - bot: ["I am a bot."]
        - {user: what are you, bot: ["I am a bot."]}
        - {user: what are you, bot: ["I am a bot."]}
        """,
        """
        stubs:
          RetrieveRelevantChunksAction: null
          CheckValidFlowExistsAction: true
          GenerateUserIntentAndBotAction: {user_intent: user asked, bot_intent: bot explain, bot_action: null}
        """,
    ),
    "an undefined flow is written, run and forgotten": (
        """
        import llm
        flow main
          activate llm continuation
          bot welcome the guests
          send Done()
          match Again()
          bot welcome the guests
          send Done()
          wait indefinitely
        """,
        """
        - {bot: [Welcome], events: [{type: Done}]}
        - {event: {type: Again}, bot: [Welcome], events: [{type: Done}]}
        """,
        """
        stubs:
          GenerateFlowFromNameAction: "flow bot welcome the guests\\n  bot say 'Welcome'"
        """,
    ),
    "a written flow that fails fails for those who called it": (
        """
        import llm
        flow main
          activate llm continuation
          when bot welcome the guests
            send Done()
          else
            send Failed()
          wait indefinitely
        """,
        "- {events: [{type: Failed}]}",
        """
        stubs:
          GenerateFlowFromNameAction: "flow bot welcome the guests\\n  abort"
        """,
    ),
    "an instruction is written as a flow and run": (
        """
        import llm
        flow main
          execute llm instruction "greet"
          send Done()
          wait indefinitely
        """,
        "- {bot: [Hello], events: [{type: Done}]}",
        """
        stubs:
          GenerateFlowFromInstructionsAction: {name: dynamic_1a2b, body: "flow dynamic_1a2b\\n  bot say 'Hello'"}
        """,
    ),
    "the same in other words": (
        """
        import llm
        @loop("watch")
        flow watching
          match StartGenerateValueAction() as $e
          send Asked(contains=search("Hello there", $e.instructions))
        flow main
          activate watching
          bot say something like "Hello there"
          wait indefinitely
        """,
        "- {bot: [Howdy], events: [{type: Asked, contains: true}]}",
        "stubs: {GenerateValueAction: Howdy}",
    ),
    "intents and their answers are put on record": (
        """
        import llm
        flow main
          activate automating intent detection
          activate recording user intents and recording bot intents
          activate recording user actions and recording bot actions
          activate answer
          wait indefinitely
        flow answer
          user asked the time
          bot tell the time
        flow user asked the time
          user said "time?"
        flow bot tell the time
          bot say "Noon."
        @loop("NEW")
        flow recording user intents
          match UserIntentLog() as $e
          send Intent(flow=$e.flow_id)
        @loop("NEW")
        flow recording bot intents
          match BotIntentLog() as $e
          send Intent(flow=$e.flow_id)
        @loop("NEW")
        flow recording user actions
          match UserActionLog() as $e
          send Deed(flow=$e.flow_id, intent=$e.intent_flow_id)
        @loop("NEW")
        flow recording bot actions
          match BotActionLog() as $e
          send Deed(flow=$e.flow_id, text=$e.parameter, intent=$e.intent_flow_id)
        """,
        """
        - user: "time?"
          bot: ["Noon."]
          events:
            - {type: Deed, flow: 'user said "time?"', intent: user asked the time}
            - {type: Intent, flow: user asked the time}
            - {type: Deed, flow: bot say, text: "Noon.", intent: bot tell the time}
            - {type: Intent, flow: bot tell the time}
        """,
        "",
    ),
    "the bare model sees what the rails leave of a message": (
        """
        import core
        import guardrails
        import passthrough
        flow input rails $input_text
          global $user_message
          $user_message = "masked"
        @loop("watch")
        flow watching
          match StartPassthroughLLMAction() as $e
          send Asked(text=$e.user_message)
        flow main
          activate llm continuation
          activate watching
          wait indefinitely
        """,
        "- {user: my secret, bot: [answer], events: [{type: Asked, text: masked}]}",
        "stubs: {GenerateUserIntentAction: user asked something, PassthroughLLMAction: answer}",
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", CASES)
def test_case(name: str) -> None:
    program, conversation, rest = CASES[name]
    # RAIL stands at the margin, what follows it does not.
    head = RAIL if program.startswith(RAIL) else ""
    program = head + textwrap.dedent(program.removeprefix(head))
    result = played(program, conversation, rest)
    assert result.passed, "\n" + result.report()


def test_alternatives_are_chosen_by_chance_in_spite_of_rails() -> None:
    program = RAIL + 'flow main\n  bot say "a" or bot say "b"\n  wait indefinitely\n'
    turn = "- bot: [{any: [<a>, <b>]}]"
    results = [played(program, turn, seed=seed) for seed in range(12)]
    assert all(result.passed for result in results), results[0].report()
    assert {result.turns[0].bot for result in results} == {("<a>",), ("<b>",)}


def test_a_saved_conversation_goes_on_checking() -> None:
    rails = RAIL + "flow main\n  activate echo\n  wait indefinitely\n"
    program = compile_text(rails + "flow echo\n  $t = await user said something\n  bot say $t\n")

    async def replies() -> list[str]:
        texts, blob = list[str](), None
        bot = Bot(program, actions=[check])
        for words in ("bad", "good", "bad", "fine"):
            async with bot.session(state=blob, seed=0) as session:
                texts.append((await session.say(words)).text)
                blob = session.dump()
        return texts

    refusal = "I can't say that."
    assert asyncio.run(replies()) == [refusal, "<good>", refusal, "<fine>"]


def test_helpers_for_developers_log() -> None:
    program = compile_text(
        textwrap.dedent(
            """
            import core
            flow main
              activate debugging helpers
              activate warning of unexpected user utterance
              activate observation of flow "job"
              match Go()
              start job 1
              send StartFlow(flow_id="no such flow")
              match Stay()
            flow job $n
              match End()
              $x = 1 / 0
            """
        )
    )

    async def logged() -> str:
        from colang_interpreter.scenarios.model import ScriptedModel
        from colang_interpreter.scenarios.playing import Setup

        setup = Setup(seed=0, stubs={}, played=frozenset(), model=ScriptedModel())
        player = await session_opener(program)(setup)
        assert isinstance(player, SessionPlayer)
        lines: list[str] = []
        await player.start()
        for name in ("Go", "End"):
            await player.send([{"type": name}])
            lines += [text for _, text in player.session.state.log]
        await player.say("hello?")
        lines += [text for _, text in player.session.state.log]
        await player.close()
        return "\n".join(lines)

    text = asyncio.run(logged())
    assert "start of flow job: (job)" in text
    assert "failure of flow job: (job)" in text
    assert "No flow is named 'no such flow'" in text
    assert "Colang error: " in text
    assert "No flow was waiting for what the user said: 'hello?'." in text
