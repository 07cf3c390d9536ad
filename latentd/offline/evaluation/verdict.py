"""The quality table in words: what a model meets and what it misses, row by row."""

from __future__ import annotations

from latentd.offline.evaluation.criteria import GOALS
from latentd.offline.evaluation.evaluate import Evaluation
from latentd.offline.evaluation.rows import QualityRow, Verdict


def lines(result: Evaluation) -> list[str]:
    """A sentence for each row, and a summary as the last line."""
    verdicts = {name: row.verdict(GOALS[name]) for name, row in result.rows.items()}
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
