"""The questions of the quiz, and who is right."""

from colang_interpreter import action

QUESTIONS = [
    {"text": "What is the capital of Austria?", "answer": "Vienna"},
    {"text": "Which planet is the largest?", "answer": "Jupiter"},
    {"text": "Which animal is the tallest?", "answer": "Giraffe"},
    {"text": "Which metal is liquid at room temperature?", "answer": "Mercury"},
]


@action()
async def pick_question(number: int) -> dict[str, str]:
    """The question with this number, counted from 0; after the last one the first comes again."""
    return QUESTIONS[number % len(QUESTIONS)]


@action()
async def is_right(question: dict[str, str], answer: str) -> bool:
    """Whether the word stands in the answer."""
    return question["answer"].lower() in answer.lower()
