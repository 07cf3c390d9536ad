"""A measured row of the quality table, and its bootstrap interval."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum
from typing import Any

import numpy as np
from numpy.typing import NDArray

from latentd.model.decoder import Indices
from latentd.offline.evaluation import metrics
from latentd.offline.evaluation.criteria import Goal


class Verdict(Enum):
    """How a value stands to its limit and its aim."""

    AIM = "reaches the aim of"
    MEETS = "meets the limit of"
    CLOSE = "barely meets the limit of"
    MISSES = "misses the limit of"


@dataclass(frozen=True)
class QualityRow:
    """A measured row.

    Attributes:
        interval: bootstrap 90 %, over what the row is a statistic of (patches, lines, crossings, cells); None for an
            area, or a row without samples.
        halves: the value on each half (n1, n2) of the held-out patches; None for a row that uses no patches.
    """

    value: float
    interval: tuple[float, float] | None
    halves: tuple[float, float] | None = None

    def verdict(self, goal: Goal) -> Verdict:
        """How the value stands to its limit and aim; it is close if the interval extends beyond the limit."""
        sign = 1.0 if goal.more_is_better else -1.0
        if sign * self.value < sign * goal.must:
            return Verdict.MISSES
        if sign * self.value >= sign * goal.aim:
            return Verdict.AIM
        worst = self.value if self.interval is None else sign * min(sign * end for end in self.interval)
        return Verdict.MEETS if sign * worst >= sign * goal.must else Verdict.CLOSE


def over(values: NDArray[Any], statistic: Callable[[NDArray[Any]], float]) -> QualityRow:
    """The row of a statistic of values (n, …), with its interval over the n."""

    def of(rows: Indices) -> float:
        return statistic(values[rows])

    return QualityRow(statistic(values), metrics.interval(of, len(values)))


def mean(values: NDArray[Any]) -> float:
    """The mean, as a number."""
    return float(np.mean(values))
