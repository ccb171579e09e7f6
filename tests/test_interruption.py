"""Ctrl-C is heard wherever it comes."""

import signal
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import small_recipe
from tests.test_population import LENGTH, Shown, member
from vaestro.experiments.population import population as together
from vaestro.experiments.population.variations import Edits
from vaestro.experiments.recipe import apply
from vaestro.training.interruption import interruption

SEEDS: list[Edits] = [("seed=1",), ("seed=2",), ("seed=3",)]


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_what_is_open_inside_another_hears_what_that_one_hears(number: signal.Signals) -> None:
    before = signal.getsignal(number)
    with interruption() as asked:
        with interruption() as within:
            signal.raise_signal(number)
            assert within.is_set()
        assert asked.is_set()
        with interruption() as later:
            assert later.is_set()
    assert signal.getsignal(number) == before
    with interruption() as another:
        assert not another.is_set()


@pytest.fixture(autouse=True)
def usual() -> Iterator[None]:
    """Ctrl-C as Python has it; a shell starts what runs in the background without it."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


def test_a_second_one_acts_as_usual() -> None:
    with pytest.raises(KeyboardInterrupt), interruption() as asked:
        signal.raise_signal(signal.SIGINT)
        assert asked.is_set()
        signal.raise_signal(signal.SIGINT)


def test_outside_the_main_thread_nothing_is_heard() -> None:
    heard: list[bool] = []

    def listen() -> None:
        with interruption() as asked:
            heard.append(asked.is_set())

    with interruption():
        signal.raise_signal(signal.SIGINT)
        thread = threading.Thread(target=listen)
        thread.start()
        thread.join()
    assert heard == [False]


class Asking(Shown):
    """Ctrl-C comes while the end of a member is told: its training is over, no other has begun."""

    def __init__(self, last: int) -> None:
        super().__init__()
        self.last, self.ended = last, 0

    def done(self, number: int, summary: dict[str, Any]) -> None:
        self.ended += 1
        if self.ended == self.last:
            signal.raise_signal(signal.SIGINT)


@pytest.mark.parametrize("width, last", [(1, 1), (1, 3), (2, 1), (3, 3)])
def test_a_population_that_is_asked_to_stop_between_two_members_stops(
    width: int, last: int, tmp_path: Path
) -> None:
    """Or after its last one: whoever would begin the next population has to know."""
    recipe, root = apply(small_recipe(), LENGTH), tmp_path / "p"
    shown = Asking(last)
    assert together.start(recipe, SEEDS, root, shown, width)["status"] == "interrupted"
    assert last <= shown.ended < 3 or last == 3
    whole = Shown()
    assert together.resume(root, whole)["status"] == "finished"
    for number in range(3):
        assert (member(root, number) / "summary.json").is_file()
