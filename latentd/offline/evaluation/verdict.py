"""The quality table in words: what a model meets and what it misses, row by row."""

from __future__ import annotations

from enum import Enum

from latentd.offline.evaluation.criteria import GOALS, Goal
from latentd.offline.evaluation.evaluate import Evaluation
from latentd.offline.evaluation.rows import QualityRow


class Verdict(Enum):
    """How a value stands to its limit and its aim."""

    AIM = "reaches the aim of"
    MEETS = "meets the limit of"
    CLOSE = "barely meets the limit of"
    MISSES = "misses the limit of"


def of(row: QualityRow, goal: Goal) -> Verdict:
    """The verdict on a row; it is close if the row's interval extends beyond the limit."""
    sign = 1.0 if goal.more_is_better else -1.0
    if sign * row.value < sign * goal.must:
        return Verdict.MISSES
    if sign * row.value >= sign * goal.aim:
        return Verdict.AIM
    worst = row.value if row.interval is None else sign * min(sign * end for end in row.interval)
    return Verdict.MEETS if sign * worst >= sign * goal.must else Verdict.CLOSE


def lines(result: Evaluation) -> list[str]:
    """A sentence for each row, and a summary as the last line."""
    verdicts = {name: of(row, GOALS[name]) for name, row in result.rows.items()}
    sentences = [_sentence(name, result.rows[name], verdict) for name, verdict in verdicts.items()]
    return [*sentences, _summary(result.model, verdicts)]


def _sentence(name: str, row: QualityRow, verdict: Verdict) -> str:
    goal = GOALS[name]
    limit = goal.aim if verdict is Verdict.AIM else goal.must
    bound = "at least" if goal.more_is_better else "at most"
    return f"{name} {row.value:.3g} {verdict.value} {bound} {limit:g}: {goal.title}"


def _summary(model: str, verdicts: dict[str, Verdict]) -> str:
    missed = [name for name, verdict in verdicts.items() if verdict is Verdict.MISSES]
    met, aims = len(verdicts) - len(missed), sum(verdict is Verdict.AIM for verdict in verdicts.values())
    text = f"{model} meets {met} of {len(verdicts)} limits, and reaches {aims} aims"
    return f"{text}; it misses {', '.join(missed)}" if missed else text
