"""A command as a person types it."""

import shlex
from collections.abc import Sequence


def command(words: Sequence[str]) -> str:
    """`vaestro` and its words, quoted for a shell; `--set x` reads better than `--set=x`."""
    return shlex.join(["vaestro", *(part for word in words for part in _apart(word))])


def _apart(word: str) -> list[str]:
    return ["--set", word.removeprefix("--set=")] if word.startswith("--set=") else [word]
