"""A diagnosis: a word for the model's health, the findings behind it, and what was not checked."""

from dataclasses import dataclass
from typing import Any

from vaestro.health.finding import Finding, Kind


@dataclass(frozen=True)
class Diagnosis:
    """`verdict`: how the model is; `findings`: what is wrong, the cause first, none for a healthy
    one; `unchecked`: checks that lacked what they need; `sentence`: all of it in one line."""

    verdict: Kind
    findings: tuple[Finding, ...]
    unchecked: tuple[str, ...]
    sentence: str

    def as_json(self) -> dict[str, Any]:
        """As `vaestro doctor --json` prints it."""
        return {
            "verdict": self.verdict,
            "sentence": self.sentence,
            "findings": [finding.as_json() for finding in self.findings],
            "unchecked": list(self.unchecked),
        }

    def __str__(self) -> str:
        lines = [f"Verdict: {self.verdict.replace('_', ' ')}."]
        lines += [] if self.findings else [self.sentence]
        for number, finding in enumerate(self.findings, 1):
            lines += ["", f"{number}. {finding.kind.replace('_', ' ')}", f"   {finding.sentence}"]
            lines += [f"     {_named(name)}  {_shown(v)}" for name, v in finding.evidence.items()]
            lines += [f"   -> {remedy}" for remedy in finding.remedies]
        if self.unchecked:
            lines += ["", f"Not checked: {'; '.join(self.unchecked)}."]
        return "\n".join(lines)


def _named(name: str) -> str:
    return f"{name.replace('_', ' '):<36}"


def _shown(value: Any) -> str:
    if isinstance(value, float):
        return f"{value:.4g}"
    if isinstance(value, (list, tuple)):
        more = f" and {len(value) - 8} more" if len(value) > 8 else ""
        return ", ".join(_shown(one) for one in value[:8]) + more
    return "not defined" if value is None else str(value)
