"""How large the outputs of a model's layers became over the steps before a fault."""

from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from torch import Tensor, nn

KEPT = 20
"""How many of the newest steps are kept."""


@dataclass(frozen=True)
class Growth:
    """The largest absolute output of each layer after each replayed step, oldest first."""

    steps: tuple[int, ...]
    layers: dict[str, tuple[float, ...]]

    def steepest(self) -> tuple[str, float] | None:
        """The layer that grew most from the first of these steps to the last, and how many times;
        None where fewer than two steps were seen."""
        if len(self.steps) < 2 or not self.layers:
            return None
        ratios = {name: path[-1] / max(path[0], 1e-30) for name, path in self.layers.items()}
        name = max(ratios, key=lambda layer: ratios[layer])
        return name, ratios[name]


class Growing:
    """Collects a Growth while steps are taken: `with growing.watching(module):`, and `growing.end`
    after each step. It reads outputs and changes none."""

    def __init__(self) -> None:
        self.now: dict[str, Tensor] = {}
        self.kept: deque[tuple[int, dict[str, Tensor]]] = deque(maxlen=KEPT)

    @contextmanager
    def watching(self, module: nn.Module) -> Iterator[None]:
        """The outputs of the layers of `module` are read while this lasts."""
        leaves = [(n, m) for n, m in module.named_modules() if n and not list(m.children())]
        handles = [layer.register_forward_hook(self._reading(name)) for name, layer in leaves]
        try:
            yield
        finally:
            for handle in handles:
                handle.remove()

    def _reading(self, name: str) -> Callable[..., None]:
        def read(_module: nn.Module, _inputs: object, output: object) -> None:
            if isinstance(output, Tensor) and output.numel() and output.is_floating_point():
                self.now[name] = output.detach().abs().max()

        return read

    def end(self, step: int) -> None:
        """Step `step` (counted from 1) is done."""
        self.kept.append((step, self.now))
        self.now = {}

    def growth(self) -> Growth:
        """What was kept, of the layers that every kept step passed."""
        steps = tuple(step for step, _ in self.kept)
        names = list(self.kept[0][1]) if self.kept else []
        shared = [name for name in names if all(name in seen for _, seen in self.kept)]
        return Growth(
            steps, {name: tuple(float(seen[name]) for _, seen in self.kept) for name in shared}
        )
