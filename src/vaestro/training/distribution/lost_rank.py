"""What is said when another process of the same run is gone."""

from collections.abc import Iterator
from contextlib import contextmanager

from vaestro.foundation.errors import VaestroError


class LostRankError(VaestroError):
    """Another process of the run ended or cannot be reached."""


@contextmanager
def or_lost() -> Iterator[None]:
    """A failed exchange between processes becomes a LostRankError of one line."""
    try:
        yield
    except RuntimeError as fault:  # torch's DistError is one, and gloo raises it bare
        reason = str(fault).split("\n", 1)[0]
        raise LostRankError(
            f"another process of this run ended or cannot be reached ({reason}); go on from the "
            "newest checkpoint with the same command, --resume and --run"
        ) from fault
