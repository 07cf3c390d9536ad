"""Verdicts on values on both sides of limits and aims."""

from __future__ import annotations

import pytest

from latentd.offline.evaluation import verdict
from latentd.offline.evaluation.criteria import Goal
from latentd.offline.evaluation.evaluate import Evaluation
from latentd.offline.evaluation.rows import QualityRow, Verdict

MORE = Goal("", "", 0.9, 1.0, more_is_better=True)
LESS = Goal("", "", 5.0, 3.0)


@pytest.mark.parametrize(
    ("goal", "value", "interval", "expected"),
    [
        (MORE, 1.0, (0.8, 1.0), Verdict.AIM),
        (MORE, 0.95, (0.91, 0.99), Verdict.MEETS),
        (MORE, 0.95, None, Verdict.MEETS),
        (MORE, 0.95, (0.89, 0.99), Verdict.CLOSE),
        (MORE, 0.89, (0.85, 0.95), Verdict.MISSES),
        (LESS, 3.0, (2.0, 6.0), Verdict.AIM),
        (LESS, 4.0, (3.5, 4.9), Verdict.MEETS),
        (LESS, 4.0, (3.5, 5.1), Verdict.CLOSE),
        (LESS, 5.1, None, Verdict.MISSES),
    ],
)
def test_a_verdict_depends_on_limit_aim_and_interval(
    goal: Goal, value: float, interval: tuple[float, float] | None, expected: Verdict
) -> None:
    assert QualityRow(value, interval).verdict(goal) is expected


def _result(**values: float) -> Evaluation:
    return Evaluation("mine", {name: QualityRow(v, None) for name, v in values.items()}, {}, {}, {}, {})


def test_every_row_has_a_sentence_and_the_last_line_sums_up() -> None:
    lines = verdict.lines(_result(in_tune=0.812, level=5.2, distinct=160, other_pitch=0.2))
    assert lines == [
        "in_tune 0.812 misses the limit of at least 0.98: pitched notes in tune",
        "level 5.2 meets the limit of at most 5.5: range of levels, LU",
        "distinct 160 reaches the aim of at least 150: different sounds",
        "other_pitch 0.2 misses the limit of at most 0.005: pitched notes on another pitch",
        "mine meets 2 of 4 limits, and reaches 1 aims; it misses in_tune, other_pitch",
    ]


def test_a_model_that_misses_nothing_has_a_summary_without_misses() -> None:
    assert verdict.lines(_result(level=2.0))[-1] == "mine meets 1 of 1 limits, and reaches 1 aims"
