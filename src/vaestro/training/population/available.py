"""How much memory is free on a device."""

import os
from pathlib import Path

import torch

_TABLE = Path("/proc/meminfo")


def available_bytes(device: torch.device) -> int:
    """Bytes that may be taken: on CUDA what the device has free; elsewhere what Linux counts as
    available, or half of the machine's memory where nobody counts."""
    if device.type == "cuda":
        return int(torch.cuda.mem_get_info(device)[0])
    if _TABLE.is_file():
        rows = dict(line.split(":", 1) for line in _TABLE.read_text().splitlines())
        return int(rows["MemAvailable"].split()[0]) * 1024
    return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") // 2
