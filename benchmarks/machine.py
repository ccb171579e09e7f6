"""What every result says about where and when it was measured."""

import platform
from datetime import date
from typing import Any

import torch


def measured_here() -> dict[str, Any]:
    """The date, the processor, torch's version and its threads."""
    return {
        "date": str(date.today()),
        "machine": platform.processor() or platform.machine(),
        "threads": torch.get_num_threads(),
        "torch": torch.__version__,
    }
