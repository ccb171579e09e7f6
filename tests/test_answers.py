"""The page of answers quotes what was measured."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from tests.test_docs import blocks, commands, run_all
from vaestro.cli.main import COMMANDS

ROOT = Path(__file__).parents[1]
RESULTS = ROOT / "benchmarks" / "results" / "answers.json"
PAGE = (ROOT / "docs" / "answers.md").read_text()


def test_every_table_is_that_of_the_results() -> None:
    script = ROOT / "benchmarks" / "answers.py"
    printed = subprocess.run(
        [sys.executable, str(script), "--tables", "--out", str(RESULTS)],
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    tables = printed.strip().split("\n\n")
    assert len(tables) == 9
    for table in tables:
        assert table.strip() in PAGE


def test_both_units_of_x_var_are_one_run() -> None:
    """x_var 0.01 is beta 0.01 at variance 1, and not 10."""
    rows = json.loads(RESULTS.read_text())["answers"]["x_var"]["rows"]
    by_pair = {(row["x_var"], row["beta"]): row for row in rows}
    one, other, ten = (by_pair[pair] for pair in ((0.01, 1.0), (1.0, 0.01), (1.0, 10.0)))
    assert one["prior_term"] == pytest.approx(other["prior_term"], rel=1e-3)
    assert one["rms_held_out"] == pytest.approx(other["rms_held_out"], rel=1e-3)
    assert ten["live"] == 0 < one["live"]


def test_every_question_has_a_command() -> None:
    parts = PAGE.split("\n## ")[1:]
    assert len(parts) == 7
    for part in parts:
        assert blocks("sh", part), part.splitlines()[0]
    assert {words[1] for words in commands(PAGE)} <= set(COMMANDS)


@pytest.mark.slow
def test_the_commands_run(tmp_path: Path, real_data: Path) -> None:
    run_all(PAGE, tmp_path, real_data)
