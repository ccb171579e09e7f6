"""The monitor of a VAE's run: it looks at records and now and then at one batch.

Shape letters: B batch, K latents.
"""

import math
from collections.abc import Callable, Iterator
from functools import cached_property
from typing import Any

import torch

from vaestro.foundation.randomness import Stream, generator
from vaestro.foundation.samples import Batch
from vaestro.health.finding import Finding
from vaestro.health.monitor import checks
from vaestro.health.monitor.causes import any_open, told
from vaestro.health.monitor.collapse import Outlook, Window, outlook, seen
from vaestro.health.monitor.probe import Probe, probe
from vaestro.health.monitor.sight import Known, Sight, progressed, trained
from vaestro.health.monitor.weighting import full, lasting
from vaestro.health.remedies import cures
from vaestro.health.remedies.chosen import Chosen
from vaestro.health.remedies.edits import Edits
from vaestro.models.vae import VAE
from vaestro.probability.objective import Objective, Terms
from vaestro.probability.reduction import Weights
from vaestro.training.config import RemedyConfig, StopConfig
from vaestro.training.elbo import ElboTask
from vaestro.training.importance import ImportanceTask
from vaestro.training.state import TrainState
from vaestro.training.watching import Notice

PROBE_STEPS = 300
"""A batch is looked at once in so many steps: that costs about as much as two of them."""

PROBE_SAMPLES = 64
"""The most samples that are looked at; where batches are smaller, as many as they have."""

PATIENCE = StopConfig().patience

DEADLY = {"collapse", "dead-output"}
"""The causes that end a run where the recipe says so."""

ALL_DEAD = 0.9
"""An output with this share of the data's variance dead has no gradient to come back by."""


def due(last: int | None, step: int) -> bool:
    """Whether a batch is to be looked at again: before the first step, once the run has settled,
    and then every PROBE_STEPS steps."""
    if last is None:
        return True
    return step - last >= (PROBE_STEPS if last else checks.SETTLED_STEPS)


class RunMonitor:
    """Watches one run; implements training.watching.Monitor.

    `chosen` are the recipe's parts and `escape` the edits that the forecast found to help against a
    collapse; `known` gives the baselines, asked for once, before the first step; `batch` the
    training samples that are looked at, always the same. What it remembers is in `state.watched`.
    """

    def __init__(
        self,
        task: ElboTask | ImportanceTask,
        chosen: Chosen,
        escape: Edits,
        known: Callable[[], Known],
        batch: Callable[[], Batch],
    ) -> None:
        self.task = task
        self.chosen = chosen
        self.training, self.horizon = chosen.training, chosen.horizon
        self.escape = escape
        self._known = known
        self._take = batch

    @property
    def vae(self) -> VAE:
        """The model."""
        return self.task.module

    def trained(self, state: TrainState, terms: Terms) -> list[Notice]:
        """Remember the record; tell when no dimension has been live for long."""
        state.watched["train"] = train = trained(terms, state.step)
        if not self.vae.head.stochastic or not full(self._objective, state.step - 1, self.horizon):
            state.watched["window"] = []
            return []
        window: Window = state.watched.get("window", [])
        alive = train["live_dimensions"] > 0
        state.watched["window"] = [] if alive else seen(window, state.step, train["largest_kl"])
        sight = self._sight(state, {})
        ahead = self._outlook(state, sight)
        found = checks.no_live_dimension(sight, state.watched["window"], ahead, self.escape)
        return self._notices(state, [("no-live-dimension", found)])

    def validated(self, state: TrainState, figures: dict[str, Any]) -> list[Notice]:
        """Look at everything there is."""
        state.watched["validated"] = state.step
        sight = self._sight(state, figures)
        finite = all(math.isfinite(figures[name]) for name in ("data_term", "prior_term"))
        if finite and sight.full and state.step > 0:
            progressed(state.watched.setdefault("progress", {}), sight)
        found = list(self._found(state, sight)) if finite else []
        calm = cures.for_instability(self.chosen)
        return self._notices(state, [("not-finite", checks.not_finite(sight, calm)), *found])

    def good(self, state: TrainState) -> bool:
        """With act `remedy`: after a validation at which nothing was wrong."""
        here = state.step == state.watched.get("validated")
        asked = isinstance(self.training.monitor, RemedyConfig) and here and state.step > 0
        return asked and not any_open(state.watched.get("causes", {}))

    def _found(self, state: TrainState, sight: Sight) -> Iterator[tuple[str, Finding | None]]:
        """(cause, what was found of it) of all that can be judged now."""
        yield "collapse", self._collapse(state, sight)
        yield "overfitting", checks.overfitting(sight, cures.for_overfitting(self.chosen))
        quicker = cures.for_standing_still(self.chosen)
        yield "stalled", checks.stalled(sight, quicker)
        if self._small_steps(state.step):
            yield "behind-ppca", checks.behind_ppca(sight, quicker)
        if not due(state.watched.get("probed"), state.step):
            return
        state.watched["probed"] = state.step
        yield from self._probed(sight, self._probe(state))

    def _small_steps(self, step: int) -> bool:
        """Whether the learning rate is near the one that it ends with: a loss that rests at a
        larger one falls again when the steps become smaller."""
        rate = self.training.learning_rate
        return rate.at(step, self.horizon) <= 2 * rate.final

    def _probed(self, sight: Sight, seen: Probe) -> Iterator[tuple[str, Finding | None]]:
        calm = cures.for_instability(self.chosen)
        yield "prior-dominates", checks.prior_dominates(sight, seen, self.escape)
        dead = cures.for_dead_output(self.chosen)
        yield "dead-output", checks.dead_output(sight, seen, dead)
        normal = cures.for_batch_norm(self.chosen)
        yield "batch-norm", checks.batch_norm(sight, seen, normal)
        yield "posterior-bounds", checks.posterior_bounds(seen, calm)

    def _notices(self, state: TrainState, found: list[tuple[str, Finding | None]]) -> list[Notice]:
        """The events that are news, each with what it asks for."""
        causes = state.watched.setdefault("causes", {})
        notices = []
        for cause, finding in found:
            fields = told(causes, cause, finding, state.step)
            if fields is not None:
                notices.append(Notice(fields, self._act(state, cause, finding)))
        return notices

    def _act(self, state: TrainState, cause: str, finding: Finding | None) -> Any:
        """warn, stop or remedy."""
        if finding is None or cause not in DEADLY:
            return "warn"
        ends = finding.evidence.get("dead_share", 1.0) >= ALL_DEAD
        match self.training.monitor:
            case StopConfig() if ends:
                return "stop"
            case RemedyConfig(most=most) if ends:
                return "remedy" if state.remedies < most else "stop"
        return "warn"

    def _collapse(self, state: TrainState, sight: Sight) -> Finding | None:
        """The window's verdict, if this validation saw no live dimension either."""
        if not sight.stochastic or sight.validation["live_dimensions"] > 0 or state.step == 0:
            return None
        return checks.collapse(sight, self._outlook(state, sight), self.escape)

    def _outlook(self, state: TrainState, sight: Sight) -> Outlook | None:
        """What the window of records without a live dimension says; None while there is none."""
        window: Window = state.watched.get("window", [])
        if not window:
            return None
        rule = self.training.monitor
        patience = rule.patience if isinstance(rule, StopConfig | RemedyConfig) else PATIENCE
        told = outlook(window, sight.remaining, patience, sight.known.eigenvalue)
        return told if sight.lasting else told._replace(certain=False)

    def _sight(self, state: TrainState, figures: dict[str, Any]) -> Sight:
        at = max(state.step - 1, 0) if state.step == self.horizon.steps else state.step
        weights, known = self._weights(state, at), self._baselines(state)
        if figures:
            figures = {**figures, "data_term": figures["data_term"] - known.dropped}
        return Sight(
            step=state.step,
            remaining=self.horizon.steps - state.step,
            stochastic=self.vae.head.stochastic,
            effective=weights.prior / weights.data,
            full=full(self._objective, at, self.horizon),
            lasting=lasting(self._objective, at, self.horizon),
            known=known,
            train=state.watched.get("train", {}),
            validation=figures,
            progress=state.watched.get("progress", {}),
        )

    def _baselines(self, state: TrainState) -> Known:
        """What is known of the data: taken once and kept in the state."""
        if "known" not in state.watched:
            state.watched["known"] = list(self._known())
        return Known(*state.watched["known"])

    def _weights(self, state: TrainState, step: int) -> Weights:
        weights = self._objective.weights
        beta = float(self.task.weight(state.control, step))
        return Weights(weights.data, weights.prior * beta)

    def _probe(self, state: TrainState) -> Probe:
        batch = self._batch
        random = generator(0, Stream.VALIDATION, device=batch.x.device)
        size = (len(batch.x), self.vae.latent)
        noise = torch.randn(size, generator=random, device=batch.x.device, dtype=batch.x.dtype)
        return probe(self.vae, batch, noise, self._weights(state, state.step))

    @cached_property
    def _batch(self) -> Batch:
        return self._take()

    @property
    def _objective(self) -> Objective:
        return self.task.objective
