"""What loading fills in where the settings are silent. Section 1.5."""

from __future__ import annotations

from colang.config.model import Instruction

GENERAL_INSTRUCTION = """\
You are talking with a user. Be friendly and precise, and give details where they help.
Say openly when you do not know an answer; never make one up."""

SAMPLE_CONVERSATION = """\
user "Hello!"
  express greeting
bot express greeting
  "Hello! How can I help you today?"
user "What can you do?"
  ask about capabilities
bot respond about capabilities
  "I can answer questions and talk things over with you. Just ask."
user "Why does bread rise?"
  ask general question
bot respond to general question
  "Yeast eats the sugar in the dough and gives off gas, and the gas makes the bubbles."
user "And what if I leave out the yeast?"
  ask follow up question
bot respond to follow up question
  "Then the bread stays flat, unless baking powder or sourdough does the job instead."
user "Thanks, that was helpful."
  express appreciation
bot express appreciation and offer more help
  "You're welcome. Is there anything else you would like to know?"
"""


def instructions() -> list[Instruction]:
    """The one general instruction."""
    return [Instruction(type="general", content=GENERAL_INSTRUCTION)]
