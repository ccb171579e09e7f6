"""A sweep on a Ray cluster of two nodes on this machine, one of which is killed in the middle."""

import threading
import time
from pathlib import Path

import pytest

from tests.conftest import small_recipe
from vaestro.foundation.errors import RecipeError
from vaestro.sweeps.definition import Definition, watched
from vaestro.sweeps.space import space_of
from vaestro.sweeps.sweep import Standing, Wanted, sweep


class Watching:
    """A display that calls back at every look."""

    def __init__(self) -> None:
        self.said: list[str] = []
        self.ended = 0

    def opened(self, definition: Definition, standing: Standing, root: Path) -> None:
        self.say(f"{standing.sweep.trials} trials")

    def looked(self, standing: Standing) -> None:
        self.ended = standing.ended

    def say(self, text: str) -> None:
        self.said.append(text)


def definition() -> Definition:
    recipe = small_recipe(training={"epochs": 40, "batch_size": 100, "checkpoint_seconds": 0.2})
    return Definition.parse(
        {
            "recipe": watched(recipe).plain(),
            "space": space_of(["objective.beta=log(0.1,1.5)"], None).plain(),
            "search": "random",
            "batch": 2,
            "width": 2,
        }
    )


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")  # Ray's own, about files that it closes late
def test_a_node_dies_and_the_sweep_finishes(tmp_path: Path) -> None:
    cluster_utils = pytest.importorskip("ray.cluster_utils")
    cluster = cluster_utils.Cluster(
        initialize_head=True, head_node_args={"num_cpus": 1, "include_dashboard": False}
    )
    display = Watching()
    try:
        other = cluster.add_node(num_cpus=1)

        def kill() -> None:
            until = time.monotonic() + 120
            while display.ended < 2 and time.monotonic() < until:
                time.sleep(0.1)
            cluster.remove_node(other, allow_graceful=False)
            display.say("a node was killed")

        killer = threading.Thread(target=kill)
        killer.start()
        wanted = Wanted(workers=2, lease_seconds=5.0, ray=cluster.address)
        summary = sweep(definition(), 16, tmp_path / "s", wanted, display)
        killer.join()
    finally:
        cluster.shutdown()
    assert "a node was killed" in display.said
    assert summary["status"] == "finished" and summary["finished"] == 16
    for number in range(16):
        assert (tmp_path / "s" / "trials" / f"{number:04d}" / "summary.json").is_file()


def test_no_cluster_is_said_in_one_line(tmp_path: Path) -> None:
    pytest.importorskip("ray")
    wanted = Wanted(ray="127.0.0.1:1")
    with pytest.raises(RecipeError, match="no cluster answers there") as fault:
        sweep(definition(), 2, tmp_path / "s", wanted, Watching())
    assert "\n" not in str(fault.value) and not (tmp_path / "s").exists()
