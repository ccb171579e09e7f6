"""A process that is done while threads of gloo let go of its last exchange; the group is held."""

import torch
from torch import distributed

from vaestro.training.distribution.ranks import found, joined

with joined(found()):
    group = distributed.group.WORLD
    assert group is not None
    many = [torch.ones(1) for _ in range(20_000)]
    group.allreduce_coalesced(many).wait()
