"""The peak of memory in use while something runs."""

import sys
from pathlib import Path
from types import TracebackType
from typing import Self

import torch

from vaestro.training.allocator import give_back

_MARKS = Path("/proc/self/clear_refs")
_STATUS = Path("/proc/self/status")


class Peak:
    """A context whose `bytes` are, once it is left, the most memory in use within it.

    On the CPU that of the whole process, as Linux counts it (VmHWM of /proc/self/status, which the
    context sets back on entering); on CUDA what torch has allocated there; None elsewhere.
    """

    def __init__(self, device: torch.device) -> None:
        self.device = device
        self.bytes: int | None = None

    def __enter__(self) -> Self:
        if self.device.type == "cuda":
            torch.cuda.reset_peak_memory_stats(self.device)
        elif self._countable:
            give_back()  # what is free counts as resident until then
            _MARKS.write_text("5")  # Linux: man 5 proc, "reset the peak resident set size"
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        fault: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self.device.type == "cuda":
            self.bytes = torch.cuda.max_memory_allocated(self.device)
        elif self._countable:
            self.bytes = resident_peak()

    @property
    def _countable(self) -> bool:
        return self.device.type == "cpu" and sys.platform == "linux" and _STATUS.is_file()


def resident_peak() -> int:
    """VmHWM, the largest resident set of this process since it was set back, in bytes."""
    line = next(text for text in _STATUS.read_text().splitlines() if text.startswith("VmHWM"))
    return int(line.split()[1]) * 1024
