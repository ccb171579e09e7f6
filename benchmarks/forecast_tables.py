"""The tables of the forecast's benchmark: verdicts against what became of the runs.

Letters: K latents, rho = lambda_1 / effective beta, N points of the grid.
"""

import json
import platform
import time
from importlib.metadata import version
from pathlib import Path
from typing import Any, NamedTuple

import torch

from vaestro.health.forecast.escape import Verdict, escape_verdict, growth, probe_steps
from vaestro.health.forecast.linear_run import Start
from vaestro.health.forecast.live import Live, as_held_out, live_interval
from vaestro.health.forecast.probe import Mark
from vaestro.health.forecast.setting import TOLD_STEPS

FAR = 10_000
"""Points from this number on are far above the threshold."""


WAYS = ("probe", "sample", "rule")
"""A forecast from the largest held-out eigenvalue and a probe of the run, with the sample's own
eigenvalue in its place, and without a probe."""


class Judged(NamedTuple):
    """One recipe of the grid: what was forecast for it (in each of WAYS) and what became of it."""

    run: dict[str, Any]
    warm: bool
    verdicts: dict[str, Verdict]
    truth: dict[Verdict, bool]
    live: int
    forecasts: dict[str, Live]

    @property
    def verdict(self) -> Verdict:
        """The verdict that is published."""
        return self.verdicts["probe"]


def judged(run: dict[str, Any], warm: bool) -> Judged:
    """Forecast from eigenvalues, recipe and the first quarter of the steps; the truth beside it.

    The remedy of `at_risk` is the warm-up; where a forecast of that says `at_risk` too, it is what
    the third run has beside, which is then there.
    """
    marks = [_mark(m) for m in run["warm" if warm else "plain"]]
    steps, hidden = marks[-1].step, len(run["widths"])
    seen = growth([m for m in marks if m.step <= probe_steps(steps)], run["beta"])
    asked = {
        "probe": (run["largest_held_out"], seen),
        "sample": (run["eigenvalues"][0], seen),
        "rule": (run["largest_held_out"], None),
    }
    full_at = steps // 2 if warm else 0
    verdicts = {
        way: escape_verdict(
            ratio, steps, known, warmed_up=warm, full_at=full_at, hidden_layers=hidden
        )
        for way, (ratio, known) in asked.items()
    }
    plain, warmed = (int(run[name][-1][4]) for name in ("plain", "warm"))
    here, remedied = warmed if warm else plain, int(run.get("remedied", run["warm"])[-1][4])
    truth: dict[Verdict, bool] = {
        "collapse": plain == 0 and warmed == 0,
        "at_risk": here == 0 and remedied > 0,
        "ok": here > 0,
    }
    starts = {"probe": seen.start, "rule": None}
    live = {way: _live(run, warm, steps, start) for way, start in starts.items()}
    return Judged(run, warm, verdicts, truth, here, live)


def _mark(numbers: list[Any]) -> Mark:
    """A mark as it was written."""
    step, gain, kl, largest, live, *code = numbers
    found = Mark(int(step), gain, kl, largest, int(live))
    if not code or code[0] is None:
        return found
    encoder, decoder, share = code[0]
    return found._replace(start=Start(torch.tensor(encoder), torch.tensor(decoder), share))


def _live(run: dict[str, Any], warm: bool, steps: int, start: Start | None) -> Live:
    """The forecast number of live dimensions, from eigenvalues and `start`."""
    shares = [(i + 0.5) / TOLD_STEPS for i in range(TOLD_STEPS)]
    path = [(min(1.0, 2 * s) if warm else 1.0, run["learning_rate"]) for s in shares]
    total = run["elements"] / run["beta"] if run["likelihood"] == "optimal" else None
    values = as_held_out(torch.tensor(run["eigenvalues"]).double(), run["largest_held_out"])
    return live_interval(values.tolist(), run["latent"], path, steps, total, start)


def share(true: list[bool]) -> float | None:
    """The share of them, None when there are none."""
    return round(sum(true) / len(true), 4) if true else None


def verdict_table(cases: list[Judged], way: str = "probe") -> dict[str, Any]:
    """Of each verdict how many there were, came true, and how the runs ended otherwise;
    `balanced`: the mean of the three shares."""
    table: dict[str, Any] = {}
    for verdict in VERDICTS:
        own = [case for case in cases if case.verdicts[way] == verdict]
        true = [case.truth[verdict] for case in own]
        table[verdict] = {
            "runs": len(own),
            "came_true": sum(true),
            "share": share(true),
            "dead": sum(case.live == 0 for case in own),
            "dead_even_with_warm_up": sum(case.run["warm"][-1][4] == 0 for case in own),
        }
    shares = [row["share"] for row in table.values() if row["share"] is not None]
    return table | {"balanced": round(sum(shares) / len(shares), 4) if shares else None}


VERDICTS: tuple[Verdict, ...] = ("collapse", "at_risk", "ok")

TRAINED = 1.5
"""Learning (rate times steps) from which a run counts as trained and not as young."""


def live_table(cases: list[Judged], way: str = "probe") -> dict[str, Any]:
    """Of the runs that were to live and did: how near the expected number was, and how often the
    interval held what came: near the threshold (beta above lambda_1 / 4) for young and for trained
    runs, and far above it. `way`: with a probe, or by "rule" without one."""
    table = {}
    groups: dict[str, list[Judged]] = {"young": [], "trained": [], "far": []}
    for case in cases:
        if case.verdict == "ok" and case.live > 0:
            groups[group(case.run)].append(case)
    for name, own in groups.items():
        told = [c.forecasts[way] for c in own]
        errors = [abs(c.live - t.expected) for c, t in zip(own, told, strict=True)]
        table[name] = {
            "runs": len(own),
            "within_1_or_20_percent": share(
                [near_enough(e, c.live) for e, c in zip(errors, own, strict=True)]
            ),
            "mean_error": round(sum(errors) / len(own), 3) if own else None,
            "in_interval": share(
                [t.low <= c.live <= t.high for c, t in zip(own, told, strict=True)]
            ),
            "mean_width": round(sum(t.high - t.low for t in told) / len(own), 3) if own else None,
        }
    return table


def group(run: dict[str, Any]) -> str:
    """`far` above the threshold, or near it `young` or `trained`."""
    if run["number"] >= FAR:
        return "far"
    return "young" if run["learning_rate"] * run["plain"][-1][0] < TRAINED else "trained"


def near_enough(error: float, live: int) -> bool:
    """Within 1 or 20 % of `live`."""
    return error <= max(1, 0.2 * live)


SETTLED = 100
"""The constants were settled when the points below this one were done, those of held-out data sets
in sight; what came after, nobody had seen."""


def tables(runs: list[dict[str, Any]]) -> dict[str, Any]:
    """Everything that is published: for calibration and held-out data sets, for those points of the
    latter that were trained after the verdicts' constants were settled, and for those after that of
    the number of live dimensions."""
    held_out = [run for run in runs if run["held_out"]]
    return {
        "calibration": part([run for run in runs if not run["held_out"]]),
        "held_out": part(held_out),
        "unseen": part([run for run in held_out if _order(run) >= SETTLED]),
        "uncounted": part([run for run in held_out if _order(run) >= COUNTED]),
    }


COUNTED = 141
"""The law of live dimensions was settled when the points below this one were done."""


def _order(run: dict[str, Any]) -> int:
    """When a point was trained: one far above the threshold follows every fourth."""
    number: int = run["number"]
    return number if number < FAR else 4 * (number - FAR) + 3


def part(runs: list[dict[str, Any]]) -> dict[str, Any]:
    """The tables of some of the runs."""
    cases = [judged(run, warm) for run in runs for warm in (False, True)]
    near = [case for case in cases if case.run["number"] < FAR]
    return {
        "verdicts": verdict_table(near),
        "verdicts_without_warm_up": verdict_table([c for c in near if not c.warm]),
        "verdicts_of_sample_eigenvalues": verdict_table(near, "sample"),
        "verdicts_by_rule": verdict_table(near, "rule"),
        "live": live_table(cases),
        "live_by_rule": live_table(cases, "rule"),
        "failures": [failure(case) for case in near if not case.truth[case.verdict]],
    }


def failure(case: Judged) -> str:
    """One line for a verdict that did not come true."""
    run = case.run
    return (
        f"{case.verdict}: {run['data']} {run['likelihood']} rho {run['ratio']:.2f}, widths "
        f"{run['widths']}, rate {run['learning_rate']:g}, {run['plain'][-1][0]:.0f} steps, "
        f"{'with' if case.warm else 'without'} warm-up: {case.live} live, with warm-up "
        f"{run['warm'][-1][4]:.0f}, with the remedy "
        f"{run.get('remedied', run['warm'])[-1][4]:.0f} (point {run['number']})"
    )


def write(found: dict[str, Any], runs: list[dict[str, Any]], out: Path | None) -> None:
    """forecast.json with machine, versions, date and command, and forecast.md; or to the screen."""
    facts = {
        "command": "python benchmarks/forecast.py --data FOLDER --out benchmarks/results --points "
        f"{1 + max(r['number'] for r in runs if r['number'] < FAR)}",
        "date": time.strftime("%Y-%m-%d"),
        "machine": f"{platform.machine()}, one thread",
        "python": platform.python_version(),
        "torch": torch.__version__,
        "vaestro": version("vaestro"),
        "points": len(runs),
        "missing": _missing(runs),
        "runs": 2 * len(runs),
        "cpu_minutes": round(sum(run["cpu_seconds"] for run in runs) / 60, 1),
    }
    whole = facts | found
    if out is None:
        print(json.dumps(whole, indent=1))
        return
    (out / "forecast.json").write_text(json.dumps(whole, indent=1) + "\n")
    (out / "forecast.md").write_text(page(facts, found))


def _missing(runs: list[dict[str, Any]]) -> list[int]:
    """Numbers of points near the threshold that the grid has and `runs` lacks."""
    near = {run["number"] for run in runs if run["number"] < FAR}
    return sorted(set(range(max(near))) - near)


def page(facts: dict[str, Any], found: dict[str, Any]) -> str:
    """The tables in words."""
    lines = [
        "# Does the forecast come true?",
        "",
        f"`{facts['command']}`, {facts['date']}: {facts['runs']} runs of {facts['points']} points, "
        f"{facts['cpu_minutes']} minutes of one core ({facts['machine']}; torch {facts['torch']}). "
        f"{len(facts['missing'])} points near the threshold were not trained.",
    ]
    for name_of_part, tables_of in found.items():
        lines += ["", f"## {PARTS[name_of_part]}"]
        for name in TITLES:
            lines += ["", f"{TITLES[name]}:", "", *verdict_lines(tables_of[name])]
        lines += ["", "Live dimensions of the runs that were to live and did:", ""]
        lines += live_lines(tables_of["live"])
        lines += ["", "The same without a probe:", "", *live_lines(tables_of["live_by_rule"])]
        lines += ["", "Verdicts that did not come true:", ""]
        lines += [f"- {line}" for line in tables_of["failures"]] or ["- none"]
    return "\n".join(lines) + "\n"


PARTS = {
    "calibration": "Data sets of the calibration",
    "held_out": "Held-out data sets",
    "unseen": "Held-out data sets, points trained after the constants were settled",
    "uncounted": "Held-out data sets, points trained after the law of live dimensions was settled",
}
TITLES = {
    "verdicts": "Every recipe, from held-out eigenvalues and a probe of its first quarter",
    "verdicts_without_warm_up": "Those without warm-up alone",
    "verdicts_of_sample_eigenvalues": "Every recipe, from the sample's own eigenvalues",
    "verdicts_by_rule": "Every recipe, by rule and without a probe",
}


def verdict_lines(table: dict[str, Any]) -> list[str]:
    """The confusion of verdicts and ends as a table in Markdown."""
    rows = [
        "| verdict | runs | came true | dead | dead even with warm-up |",
        "|---|---|---|---|---|",
    ]
    for verdict in VERDICTS:
        row = table[verdict]
        said = "-" if row["share"] is None else f"{row['came_true']} ({100 * row['share']:.0f} %)"
        rows.append(
            f"| {verdict} | {row['runs']} | {said} | {row['dead']} "
            f"| {row['dead_even_with_warm_up']} |"
        )
    balanced = table["balanced"]
    return [*rows, "", f"Mean of the shares: {'-' if balanced is None else f'{balanced:.1%}'}."]


LIVE_ROWS = (
    ("young", f"up to 3, rate x steps < {TRAINED}"),
    ("trained", f"up to 3, rate x steps >= {TRAINED}"),
    ("far", "4 to 30"),
)


def live_lines(table: dict[str, Any]) -> list[str]:
    """The accuracy of the number of live dimensions as a table in Markdown."""
    rows = [
        "| lambda_1 / beta | runs | within 1 or 20 % | mean error | in the interval | its width |",
        "|---|---|---|---|---|---|",
    ]
    for name, words in LIVE_ROWS:
        shown = ("-" if v is None else str(v) for v in table[name].values())
        rows.append(f"| {words} | " + " | ".join(shown) + " |")
    return rows
