"""Users' own networks by name: `@vaestro.part("name")`, or an entry point of an installed package.

A package registers without being imported by whoever trains, in its pyproject.toml:

    [project.entry-points."vaestro.parts"]
    my-encoder = "my_package.networks:build"
"""

import re
from collections.abc import Callable
from importlib.metadata import EntryPoint, entry_points
from typing import Any, TypeVar

from torch import nn

from vaestro.foundation.errors import RecipeError, nearest, one_line

Builder = Callable[..., nn.Module]
B = TypeVar("B", bound=Builder)
GROUP = "vaestro.parts"
"""The entry-point group that installed packages name their parts in."""

_REGISTERED: dict[str, Builder] = {}


def part(name: str) -> Callable[[B], B]:
    """Register what is decorated as the part `name`, for `kind: part` in recipes.

    A function that returns a torch module, or a class of modules. An encoder's is called with the
    sample's `shape`; a decoder's with `latent`, the shape of what it is given, `shape` and
    `outputs`, the numbers wanted for each element; both with `condition`, the condition's width, if
    they name it, and with the recipe's `options`. A name registered again means the newer one, as
    when a notebook's cell is run twice. Raises RecipeError for a name that is none.
    """
    if not isinstance(name, str) or not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._-]*", name):
        raise RecipeError(
            f"{one_line(repr(name))[:80]} is no name for a part; write @vaestro.part(...) with a "
            'name of letters, digits, ".", "_" and "-", for example @vaestro.part("my-encoder")'
        )

    def register(builder: B) -> B:
        if not callable(builder):
            raise RecipeError(
                f"the part {name!r} is {one_line(repr(builder))[:80]}; decorate a function that "
                "returns a torch module, or a class of modules"
            )
        _REGISTERED[name] = builder
        return builder

    return register


def builder_of(name: str) -> Builder:
    """The builder registered as `name`, by the decorator first, then by an entry point.

    Raises RecipeError when there is none, or when its package cannot be imported.
    """
    if name in _REGISTERED:
        return _REGISTERED[name]
    installed = entry_points(group=GROUP)
    if name in installed.names:
        return _loaded(installed[name])
    known = sorted({*_REGISTERED, *installed.names})
    near = nearest(name, known) if known else "none is registered"
    raise RecipeError(
        f"there is no part {name!r}; {near}; import the module that registers it with "
        f'@vaestro.part("{name}"), or install a package with the entry point {name} in the group '
        f"{GROUP}"
    )


def _loaded(found: EntryPoint) -> Builder:
    try:
        builder: Any = found.load()
    except Exception as fault:  # the user's own package: anything can come out of it
        reason = one_line(f"{type(fault).__name__}: {fault}")[:200]
        raise RecipeError(
            f"the part {found.name!r} ({found.value}) cannot be imported: {reason}"
        ) from fault
    if not callable(builder):
        raise RecipeError(f"the part {found.name!r} ({found.value}) is nothing that can be called")
    made: Builder = builder
    return made
