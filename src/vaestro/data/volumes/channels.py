"""Which channel of a voxel image an element goes to.

Shape letters: A atoms.
"""

import re
from collections import Counter
from pathlib import Path
from typing import Annotated, Any

import numpy as np
from pydantic import AfterValidator, BeforeValidator

from vaestro.foundation.errors import DataError

REST = "*"
_PERIODIC = (
    "H D He Li Be B C N O F Ne Na Mg Al Si P S Cl Ar K Ca Sc Ti V Cr Mn Fe Co Ni Cu Zn Ga Ge As "
    "Se Br Kr Rb Sr Y Zr Nb Mo Tc Ru Rh Pd Ag Cd In Sn Sb Te I Xe Cs Ba La Ce Pr Nd Pm Sm Eu Gd "
    "Tb Dy Ho Er Tm Yb Lu Hf Ta W Re Os Ir Pt Au Hg Tl Pb Bi Po At Rn Fr Ra Ac Th Pa U Np Pu Am "
    "Cm Bk Cf Es Fm Md No Lr X"
)
SYMBOLS = frozenset(_PERIODIC.split())
"""What a channel may name; X is an element that a file leaves open."""


def _listed(value: Any) -> Any:
    return value.split() if isinstance(value, str) else value


def _legal(channels: tuple[str, ...]) -> tuple[str, ...]:
    """Raise ValueError unless every element stands once and is one."""
    if not channels:
        raise ValueError('no channels; give element groups such as ["C", "N", "O", "*"]')
    counted = Counter(element for channel in channels for element in elements_of(channel))
    for element, count in counted.items():
        if element not in SYMBOLS and element != REST:
            raise ValueError(
                f"{element!r} is no element; a channel is an element (C), several (S+P) or * for "
                "all others"
            )
        if count > 1:
            raise ValueError(f"{element} stands {count} times; each element has one channel")
    for channel in channels:
        if REST in elements_of(channel) and channel.strip() != REST:
            raise ValueError(f"{channel!r} joins * with elements; * has a channel of its own")
    return channels


Channels = Annotated[tuple[str, ...], BeforeValidator(_listed), AfterValidator(_legal)]
"""Element groups, a channel each: an element (C), several (S,P or S+P), or * for all others.

A list, or one text with spaces between the groups: "C N O S+P *".
"""


def elements_of(channel: str) -> list[str]:
    """The symbols in one channel's text, as chemists write them."""
    return [part.strip().capitalize() for part in re.split("[,+]", channel)]


def channel_numbers(
    elements: np.ndarray, channels: tuple[str, ...], where: str | Path
) -> np.ndarray:
    """For `elements` (A,) the numbers (A,) of their channels; `where` names the file.

    Raises DataError for elements that no channel takes.
    """
    known = {element: i for i, channel in enumerate(channels) for element in elements_of(channel)}
    names, inverse = np.unique(elements, return_inverse=True)
    rest = known.get(REST)
    homeless = [str(name) for name in names if name not in known] if rest is None else []
    if homeless:
        raise DataError(
            f"{where} has the elements {', '.join(homeless)} and the channels are "
            f'{", ".join(channels)}; add a channel for them, or "*" for all others'
        )
    numbers = np.array([known.get(str(name), rest) for name in names], dtype=np.int64)
    found: np.ndarray = numbers[inverse]
    return found
