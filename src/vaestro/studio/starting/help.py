"""What a configuration's docstring says of each of its fields."""

import re
from collections.abc import Iterable, Iterator
from inspect import cleandoc


def help_of(about: str, fields: Iterable[str]) -> dict[str, str]:
    """The sentences of a docstring by the field that they tell of; a field that none names is left
    out.

    A sentence tells of `field` where it has the name in backticks, or begins with "field:".
    """
    told = list(sentences(flowing(about)))
    found = {name: [one for one in told if _tells(one, name)] for name in fields}
    return {
        name: " ".join(_whole(one, name) for one in about_it)
        for name, about_it in found.items()
        if about_it
    }


def flowing(about: str) -> str:
    """A docstring as one line of prose."""
    return " ".join(cleandoc(about).split())


def sentences(prose: str) -> Iterator[str]:
    """The sentences, and the clauses between semicolons, outside brackets."""
    begin = depth = 0
    for place, letter in enumerate(prose):
        depth += (letter in "([") - (letter in ")]")
        ends = letter in ".;" and depth == 0 and prose[place + 1 : place + 2] in ("", " ")
        if ends:
            yield prose[begin : place + 1].strip()
            begin = place + 1
    if prose[begin:].strip():
        yield prose[begin:].strip()


def _tells(sentence: str, field: str) -> bool:
    return re.search(rf"`{field}[`:]", sentence) is not None or _begins(sentence, field)


def _begins(sentence: str, field: str) -> bool:
    return re.match(rf"{field}(, \w+)*:", sentence) is not None


def _whole(clause: str, field: str) -> str:
    """A clause as a sentence; the name of a field keeps its small letter."""
    words = clause.rstrip(".;") + "."
    return words if _begins(clause, field) else words[0].upper() + words[1:]
