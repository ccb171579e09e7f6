"""Whether a process is still the one that was started: numbers of processes are used again."""

import subprocess
from pathlib import Path

BOOT = Path("/proc/sys/kernel/random/boot_id")


def fingerprint(pid: int) -> str | None:
    """What tells this process from every other that had or will have its number: when it began.
    None when there is none, or when it has ended and nobody has asked how."""
    if BOOT.is_file():
        return _by_files(pid)
    told = subprocess.run(
        ["ps", "-o", "stat=,lstart=", "-p", str(pid)], capture_output=True, text=True, check=False
    )
    state, _, began = told.stdout.strip().partition(" ")
    return None if not state or state.startswith("Z") else began.strip()


def _by_files(pid: int) -> str | None:
    """Linux: the ticks from the machine's start to the process's, and which start that was."""
    try:
        # its name, in brackets, may hold spaces and brackets
        fields = Path(f"/proc/{pid}/stat").read_text(errors="replace").rpartition(")")[2].split()
    except OSError:
        return None
    return None if fields[0] in "ZX" else f"{BOOT.read_text().strip()} {fields[19]}"
