"""Who watches a denoiser train: it learns by heart, or it learns nothing that a Gaussian has not.

The guard of the engine refuses steps that are not finite; collapse and the like are of VAEs.
"""

from typing import Any

from vaestro.foundation.schedules import Horizon
from vaestro.health.finding import Finding
from vaestro.health.monitor.causes import told
from vaestro.probability.objective import Terms
from vaestro.training.config import StopConfig, WarnConfig
from vaestro.training.state import TrainState
from vaestro.training.watching import Notice

PATIENCE = 5
"""So many validations in a row must show a fault, unless the recipe says another number."""
WORSE = 1.02
"""A validation loss this many times the best one is worse than it."""
NO_BETTER = 0.98
"""A loss above this share of a Gaussian's is no better than it."""
HALF = 0.5
"""Whether anything is learnt is asked after this share of the run."""


class DiffusionMonitor:
    """Satisfies training/watching.py's Monitor; `stop` ends a run that learns by heart."""

    def __init__(self, config: WarnConfig | StopConfig, horizon: Horizon) -> None:
        self.stops = isinstance(config, StopConfig)
        self.patience = config.patience if isinstance(config, StopConfig) else PATIENCE
        self.horizon = horizon

    def trained(self, state: TrainState, terms: Terms) -> list[Notice]:
        """Nothing: the training loss of one window is noise of the times drawn in it."""
        return []

    def validated(self, state: TrainState, figures: dict[str, Any]) -> list[Notice]:
        """What there is to say after a validation."""
        watched = state.watched
        loss = float(figures["loss"])
        best = min(loss, watched.get("best", loss))
        watched["best"] = best
        watched["worse"] = watched.get("worse", 0) + 1 if loss > WORSE * best else 0
        looks = {
            "learning-by-heart": self._by_heart(watched["worse"], loss, best),
            "nothing-beyond-a-gaussian": self._nothing_learnt(state.step, figures),
        }
        causes = watched.setdefault("causes", {})
        notices = []
        for cause, finding in looks.items():
            event = told(causes, cause, finding, state.step)
            if event is not None:
                ends = self.stops and event["kind"] == "overfitted"
                notices.append(Notice(event, "stop" if ends else "warn"))
        return notices

    def good(self, state: TrainState) -> bool:
        """No: nothing is remedied."""
        return False

    def _by_heart(self, worse: int, loss: float, best: float) -> Finding | None:
        if worse < self.patience:
            return None
        return Finding(
            "overfitted",
            f"The validation loss, {loss:.4g}, has been above its best, {best:.4g}, for {worse} "
            "validations: the denoiser learns the training latents by heart.",
            {"loss": loss, "best": best, "validations": worse},
            ("training.early_stopping={patience: 5}", "denoiser.dropout=0.1"),
        )

    def _nothing_learnt(self, step: int, figures: dict[str, Any]) -> Finding | None:
        loss, gaussian = float(figures["loss"]), float(figures["gaussian_loss"])
        if step < HALF * self.horizon.steps or loss < NO_BETTER * gaussian:
            return None
        return Finding(
            "stalled",
            f"The loss, {loss:.4g}, is that of the best denoiser of a Gaussian, {gaussian:.4g}: "
            "either the latents are Gaussian and independent, and the model's own prior serves as "
            "well, or the denoiser learns too slowly.",
            {"loss": loss, "gaussian_loss": gaussian},
            ("training.learning_rate=3e-3", "denoiser.width=512"),
        )
