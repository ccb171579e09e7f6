"""Which causes have been told: each one once, and once more when it has ended.

A cause is the name of one thing that can go wrong, such as `collapse`. Its place in the memory is
plain JSON, so that a checkpoint keeps it.
"""

from typing import Any

from vaestro.health.finding import Finding

CLEAR_LOOKS = 2
"""A cause has ended when so many looks in a row no longer find it."""

Memory = dict[str, Any]
"""cause -> {since: step, clear: looks without it in a row, open: whether it still holds}"""


def told(memory: Memory, cause: str, finding: Finding | None, step: int) -> dict[str, Any] | None:
    """The fields of an event if there is news about `cause`, else None; `memory` takes it in.

    `finding` is what this look found, None when it found nothing. A cause that ends is told with
    the kind `healthy`; after that it is never told again.
    """
    known = memory.get(cause)
    if finding is not None:
        if known is None:
            memory[cause] = {"since": step, "clear": 0, "open": True}
            return {"kind": finding.kind, "cause": cause, **_rest(finding)}
        known["clear"] = 0
        return None
    if known is None or not known["open"]:
        return None
    known["clear"] += 1
    if known["clear"] < CLEAR_LOOKS:
        return None
    known["open"] = False
    return {"kind": "healthy", "cause": cause, **_rest(_recovered(cause, known["since"]))}


def any_open(memory: Memory) -> bool:
    """Whether some cause still holds."""
    return any(known["open"] for known in memory.values())


def words(event: dict[str, Any]) -> str:
    """An event as one line for a person: what it is, and the first thing to change."""
    first = next(iter(event["remedies"]), None)
    advice = "" if first is None else f" Try --set '{first}'."
    return f"step {event['step']:,}: {event['sentence']}{advice}"


def _recovered(cause: str, since: int) -> Finding:
    return Finding(
        "healthy", f"Recovered: {cause.replace('-', ' ')} no longer holds.", {"since_step": since}
    )


def _rest(finding: Finding) -> dict[str, Any]:
    values = finding.as_json()
    del values["kind"]
    return values
