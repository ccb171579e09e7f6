"""The loop of a population: steps for all, records for each, members that leave and that join.

A checkpoint of the population is one of each member, and after them one record of who was in the
stack; what is resumed is that record, so every member goes on beside the neighbours it had.
"""

import time
from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass, field
from typing import Any, Literal

from vaestro.foundation.errors import DivergedError
from vaestro.runs.history import last_record
from vaestro.training.allocator import freed_memory_kept, give_back
from vaestro.training.interruption import interruption
from vaestro.training.loop import Status
from vaestro.training.population.member import Member, epoch_of
from vaestro.training.population.stack import Stack
from vaestro.training.population.step import PopulationStepper, Refused
from vaestro.training.population.turns import Line, TurnStepper
from vaestro.training.watching import Judge


@dataclass
class PopulationLoop:
    """The engine of one stack of at most `width` members, or of as many that train one by one and
    are compared at each validation (`in_turn`). Who is left alone in a stack leaves it too: a stack
    of one takes a step in 12 ms that a run alone takes in 9 (784-400-20, one core).

    `waiting` gives the next member that may join, built when it is asked for. `left` is told of
    each member that has ended, and how; `saved` of the members in the stack once all of them have
    a checkpoint, and of the numbers of those that wait to be compared. `judge` may end members
    that were just validated.
    """

    width: int
    waiting: Iterator[Member]
    left: Callable[[Member, Status | DivergedError], None]
    saved: Callable[[list[Member], Collection[int]], None]
    checkpoint_seconds: float
    judge: Judge | None = None
    in_turn: bool = False
    _saved_at: float = field(default=0.0, init=False)
    _heard: dict[int, dict[str, Any]] = field(default_factory=dict, init=False)

    def run(
        self, members: list[Member], compared: Collection[int] = ()
    ) -> Literal["finished", "interrupted"]:
        """Train `members`, who go on from where they are, and all that are waiting. `compared`: the
        numbers of those whose last validation is yet to be."""
        self._saved_at = time.monotonic()
        give_back()
        with interruption() as asked, freed_memory_kept():
            for member in members:
                member.loop.begin(member.state)
            joining = self._next(self.width - len(members))
            stack = self._formed([*members, *joining])
            self._heard = {m.number: _validated(m) for m in members if m.number in compared}
            if joining:
                self._save(stack)
            while len(stack):
                if not self._steps(stack, asked.is_set):
                    return "interrupted"
                stack = _unstacked(stack)
        return "finished"

    def _formed(self, members: list[Member]) -> Stack | Line:
        return Line(members) if self.in_turn or len(members) == 1 else Stack(members)

    def _steps(self, stack: Stack | Line, asked: Callable[[], bool]) -> bool:
        """Steps until the membership changes; False when the run was interrupted."""
        stepper = TurnStepper(stack) if isinstance(stack, Line) else PopulationStepper(stack)
        self._judged(stack, stepper)  # those who waited for one that has left
        if self._changed(stack, []):
            return True
        while True:
            if asked():
                self._save(stack)
                return False
            took, refused = stepper.take()
            figures = stepper.validated()
            for member in took:
                found = member.loop.stepped(member.state, figures.get(member.number))
                if found is not None and self.judge is not None:
                    self._heard[member.number] = found
            self._judged(stack, stepper)
            if self._changed(stack, refused):
                return True
            if time.monotonic() - self._saved_at >= self.checkpoint_seconds:
                self._save(stack)

    def _judged(self, stack: Stack | Line, stepper: PopulationStepper | TurnStepper) -> None:
        """End the members that the judge says go no further; those of one epoch are compared
        together, once no other is on its way to it."""
        if self.judge is None:
            return
        epochs: dict[int, list[Member]] = {}
        for member in stack.members:
            if member.number in self._heard:
                epochs.setdefault(epoch_of(member), []).append(member)
        for epoch, members in epochs.items():
            if stepper.awaits(epoch):
                continue
            validated = {member.number: self._heard.pop(member.number) for member in members}
            over = self.judge.leaving(epoch, validated)
            for member in members:
                member.state.stopped |= member.number in over

    def _changed(self, stack: Stack | Line, refused: list[Refused]) -> bool:
        """Let members leave that have ended, and others join; whether any did."""
        over = [m for m in stack.members if not m.loop.goes_on(m.state)]
        if not over and not refused:
            return False
        stack.remove(over)
        for member, fault in refused:
            member.loop.save(member.state)
            self.left(member, fault)
        for member in over:
            self.left(member, member.loop.end(member.state))
        joining = self._next(self.width - len(stack))
        if joining:
            stack.add(joining)
        self._save(stack)
        return True

    def _next(self, free: int) -> list[Member]:
        """At most `free` members that join now."""
        joining: list[Member] = []
        while len(joining) < free and (member := next(self.waiting, None)) is not None:
            member.loop.begin(member.state)
            if member.loop.goes_on(member.state):
                joining.append(member)
            else:
                self.left(member, member.loop.end(member.state))
        return joining

    def _save(self, stack: Stack | Line) -> None:
        for member in stack.members:
            member.loop.save(member.state)
        self.saved(stack.members, self._heard.keys())
        self._saved_at = time.monotonic()


def _unstacked(stack: Stack | Line) -> Stack | Line:
    """The line of who is left alone in a stack; any other as it is."""
    if isinstance(stack, Line) or len(stack) != 1:
        return stack
    left = list(stack.members)
    stack.remove(left)
    return Line(left)


def _validated(member: Member) -> dict[str, Any]:
    """The figures of its last validation."""
    assert member.loop.history.path is not None, "a member writes its own history"
    return last_record(member.loop.history.path, split="validation")
