"""The binary frames of the socket: a byte for the kind, then JSON, or a JSON header and bytes.

1 to the server    JSON {"watch": [ids]}
2 to the page      JSON {"changed": [ids]}
3 to the server    header {"run", "request", ...} and latents, float32
4 to the page      header {"request", "form", "shape", ...} and the decoded sample
5 to the page      JSON {"request", "error": one line}
A header is preceded by its length: two bytes, little endian. Numbers behind it are little endian.
"""

import json
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from vaestro.studio.answers import Refused

WATCH, CHANGED, DECODE, DECODED, FAILED = 1, 2, 3, 4, 5
MOST_LATENTS = 1 << 16


class Asked(NamedTuple):
    """A decode request: its header, and the latents (n,) in float32."""

    header: dict[str, Any]
    latents: NDArray[np.float32]


def told(kind: int, value: dict[str, Any]) -> bytes:
    """A frame of JSON alone."""
    return bytes([kind]) + json.dumps(value, allow_nan=False).encode()


def answered(header: dict[str, Any], raw: bytes) -> bytes:
    """A frame of kind DECODED."""
    text = json.dumps(header, allow_nan=False).encode()
    return bytes([DECODED]) + len(text).to_bytes(2, "little") + text + raw


def read_watch(frame: bytes) -> list[str]:
    """The ids of a frame of kind WATCH. Raises Refused for anything else."""
    watch = _object(frame[1:]).get("watch")
    if not isinstance(watch, list) or not all(isinstance(one, str) for one in watch):
        raise Refused('a frame of kind 1 is {"watch": [ids]}')
    return watch


def read_decode(frame: bytes) -> Asked:
    """A frame of kind DECODE. Raises Refused for one that is cut or holds no finite numbers."""
    size = int.from_bytes(frame[1:3], "little")
    raw = frame[3 + size :]
    if len(frame) < 3 + size or len(raw) % 4 or len(raw) > 4 * MOST_LATENTS:
        raise Refused("a frame of kind 3 is a header's length, a JSON header and float32 latents")
    latents = np.frombuffer(raw, "<f4")
    if not np.isfinite(latents).all():
        raise Refused("a latent is not a finite number")
    return Asked(_object(frame[3 : 3 + size]), latents)


def _object(text: bytes) -> dict[str, Any]:
    try:
        value = json.loads(text)
    except (ValueError, RecursionError):
        value = None
    if not isinstance(value, dict):
        raise Refused("a frame must hold one JSON object")
    return value
