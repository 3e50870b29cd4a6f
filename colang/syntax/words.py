"""Words with a meaning at some places of the 2.x grammar (section 1.4); none of them is reserved everywhere."""

from __future__ import annotations

OPERATION_WORDS = ("match", "send", "await", "start", "stop", "activate", "deactivate")
STATEMENT_WORDS = (
    *OPERATION_WORDS,
    "if",
    "while",
    "when",
    "return",
    "abort",
    "break",
    "continue",
    "pass",
    "log",
    "print",
    "priority",
    "global",
    "import",
)
BRANCH_WORDS = ("elif", "else", "orwhen")
GROUP_WORDS = ("and", "or", "as")

# Word -> terminal of the grammar, for the words that rules of the statement level name.
KEYWORDS = {word: word.upper() for word in (*STATEMENT_WORDS, *BRANCH_WORDS, *GROUP_WORDS, "flow")}
NEVER_NAMES = frozenset(
    {"AND", "OR"}
)  # terminals of words that no name can hold, not even at its start

# Parameters the machine keeps for itself (section 6.2): a flow cannot declare them.
RESERVED_PARAMETERS = frozenset(
    {
        "activated",
        "context",
        "context_update",
        "deactivate",
        "flow_hierarchy_position",
        "flow_id",
        "flow_instance_uid",
        "return_value",
        "source_flow_instance_uid",
        "source_head_uid",
    }
)
