"""Constants of the forecast that theory leaves open, settled by `benchmarks/forecast.py`.

Fitted on its calibration data sets alone; docs/calibration.md tells what they are worth on others.
rho is the largest eigenvalue of M relative to the effective beta.
"""

import math

from vaestro.metrics.live import LIVE_NATS

LEAST_RATIO = math.exp(2 * LIVE_NATS)
"""Below this rho (1.0202) no direction is worth a live dimension: the linear model's KL along the
leading one is 1/2 ln rho nats. Nothing is fitted here; held-out eigenvalues make it sharp."""

NEAR = 1.15
"""Up to this rho a code that is unstable is worth at most 1/2 ln rho = 0.07 nats, grows critically
slowly and is shared by several dimensions: most runs end with none live, warmed up or not."""

LIVE_GAIN = 0.03
"""The gain, in units of the effective beta, at which a code counts as escaped. In the linear model
near collapse gain = 2 rho beta KL, so that a dimension of 0.01 nats at rho 1.5 has 0.03."""

WARM_GAIN = 0.3
"""The same for a code that beta still presses less than it will: ten times as much."""

DRIFT = 0.3
"""What instability adds to the growth that a probe saw, per ln(step) and unit of rho - 1."""

LEAST_GAIN = 1e-3
"""A gain below this (or negative) counts as this: how it changes is the chance of the samples that
are compared, and no growth."""

PROBE_SHARE = 0.25
"""The share of a run that a probe takes at most."""

LEAST_PROBE = 64
"""A probe of fewer steps sees the first fall alone and tells nothing of the growth after it."""

SURE_ESCAPE = (1.1, 1.3, 2.0)
"""Without a probe: the rho above which a run at full beta from its first step escapes, for a
decoder with no, one, and two or more hidden layers."""

UNSURE = 3.0
"""From NEAR to this rho the rule is right for three held-out runs in four (51 of 66), and a probe
for nine in ten: what is told without one is not settled."""

BRIEF_SHARE = 0.02
"""The share of a run that a probe takes beside its training: with its looks, under 3 % of it."""

PACE = 45.0
"""The length of the linear model's flow that 1,000 steps at a learning rate of 1e-3 are worth,
where one direction lives."""

PACE_AFTER_PROBE = 36.0
"""The same from the state of the code that a probe measured."""

PACE_SPREAD = 2.5
"""A run is between so many times slower and faster than that, in four of five."""

MEASURED_UP_TO = 4.0
"""lambda_1 over beta above which the linear model does not go on from the state that a probe
measured: so far from collapse a network's code is no linear one."""

LONGEST_TIME = 300.0
"""A flow is followed for so long at most."""
