"""Answers from the batch's own statistics, only while these deserve trust."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import nullcontext
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from bnlab.adaptation.borrow import batch_statistics
from bnlab.adaptation.drift import drift_score, threshold


@dataclass(frozen=True)
class Answer:
    """Logits, whose statistics they come from, and why."""

    logits: Tensor
    used: str  # "running" or "batch"
    why: str


class Guard:
    """Decides per batch: running statistics, or the batch's own. No state of the model moves.

    The batch's own are used if all of this holds, and otherwise the running ones:
    the batch is as large as those of the calibration; its drift score raises an alarm; and with
    its own statistics the model is as confident as on clean batches. The last catches batches
    that are far from the running statistics since they are one-sided, not since they are shifted.

    Args:
        model: with batch norm, already trained; it is put in eval mode for each answer, and back.
        clean: batches of one size that were not trained on, unlabelled.
        false_alarms: rate of alarms on such batches.
        doubts: rate of such batches whose confidence counts as too low.

    Raises:
        ValueError: batches of several sizes, or too few for the rates.
    """

    def __init__(
        self,
        model: nn.Module,
        clean: Sequence[Tensor],
        false_alarms: float = 0.05,
        doubts: float = 0.01,
    ):
        sizes = {len(x) for x in clean}
        if len(sizes) != 1:
            raise ValueError(
                f"The clean batches have {sorted(sizes)} samples; they must all be as large as "
                "the batches to come."
            )
        self.model, self.size = model, sizes.pop()
        self.alarm = threshold([drift_score(model, x) for x in clean], false_alarms)
        lowest = [-_confidence(self._answer(x, batch_statistics)) for x in clean]
        self.floor = -threshold(lowest, doubts)

    def __call__(self, x: Tensor) -> Answer:
        """Answers for x (N, …), without gradients."""
        running = self._answer(x)
        if len(x) < self.size:
            return Answer(running, "running", f"fewer than {self.size} samples")
        # Written so that a score of nan, from a broken input, is an alarm too.
        if drift_score(self.model, x) <= self.alarm:
            return Answer(running, "running", "no drift")
        borrowed = self._answer(x, batch_statistics)
        if not _confidence(borrowed) >= self.floor:
            return Answer(running, "running", "drift, but its own statistics make it doubt")
        return Answer(borrowed, "batch", "drift")

    @torch.no_grad()
    def _answer(self, x: Tensor, statistics: Callable = nullcontext) -> Tensor:
        modes = [(m, m.training) for m in self.model.modules()]
        try:
            with statistics(self.model.eval()):
                return self.model(x)
        finally:
            for module, mode in modes:
                module.training = mode


def _confidence(logits: Tensor) -> float:
    """Mean probability of the class that is answered."""
    return logits.softmax(1).amax(1).mean().item()


def three_ways(guard: Guard, batches: Sequence[tuple[Tensor, Tensor]]) -> list[float]:
    """What a guard is worth on labelled batches (x, y), y int64 of shape (N,).

    Returns the accuracy with the running statistics, with the guard and with each batch's own,
    and the share of batches for which the guard used their own; means over the batches.
    """
    found = []
    for x, y in batches:
        answer = guard(x)
        ways = guard._answer(x), answer.logits, guard._answer(x, batch_statistics)
        right = [(logits.argmax(1) == y).double().mean().item() for logits in ways]
        found.append([*right, float(answer.used == "batch")])
    return torch.tensor(found, dtype=torch.float64).mean(0).tolist()
