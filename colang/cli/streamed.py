"""``colang chat --streaming``: answers are printed while they are made, as an application with `stream_async` gets them."""

from __future__ import annotations

import sys
from collections.abc import AsyncIterable, Mapping
from typing import Any

from colang.cli import CliError, terminal
from colang.cli.bots import Loaded


async def talk(
    loaded: Loaded, lines: AsyncIterable[str | Mapping[str, Any]], **options: Any
) -> int:
    """Answer words and events, one after the other.

    Args:
        loaded: The program.
        lines: What the person says or sends.
        options: As for `Bot`.

    Raises:
        CliError: The program cannot be streamed.
    """
    from colang.diagnostics.cells import printable
    from colang_interpreter.messages.conversing import Messages
    from colang_interpreter.messages.errors import StreamingNotSupportedError
    from colang_interpreter.messages.streams import stream
    from colang_interpreter.streaming import error_of

    bot = loaded.bot(**options)
    api = Messages(bot)
    messages: list[dict[str, Any]] = []
    async for meant in lines:
        said = isinstance(meant, str)
        messages.append(
            {"role": "user", "content": meant} if said else {"role": "event", "event": meant}
        )
        try:
            chunks = stream(api, bot, messages=messages)
        except StreamingNotSupportedError as problem:
            raise CliError(str(problem)) from problem
        shown = ""
        error: Mapping[str, Any] | None = None
        async for chunk in chunks:
            error = error_of(chunk)
            if error is None:
                shown += chunk
                terminal.write("\n".join(printable(line) for line in chunk.split("\n")))
                sys.stdout.flush()
        if shown:
            terminal.write("\n")
        if error is not None:
            terminal.say(f"Streaming error: {printable(str(error.get('message')))}", "error")
            messages.pop()  # the turn has no answer: the next one begins where this one did
        else:
            messages.append({"role": "assistant", "content": shown})
    return 0
