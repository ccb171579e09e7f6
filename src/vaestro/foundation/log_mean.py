"""The logarithm of a mean of numbers that are known by their logarithms."""

import math

import torch
from torch import Tensor


def log_mean_exp(logs: Tensor) -> Tensor:
    """log (1/S) sum_s exp(logs_s) over the first axis, (S, *) -> (*), by log-sum-exp."""
    return torch.logsumexp(logs, 0) - math.log(len(logs))
