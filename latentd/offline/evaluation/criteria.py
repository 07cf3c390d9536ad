"""The rows of the quality table: the title, measuring protocol and limits of each."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple


class Goal(NamedTuple):
    """A row of the table: `must` is its limit, `aim` the value to strive for."""

    title: str
    protocol: str
    must: float
    aim: float
    more_is_better: bool = False


_PATCHES = "mean over the held-out patches"
_GRID = "neighbours along the rows and columns of a 50 x 50 grid over the pad, edges included"
_CROSSED = "101 straight lines across the pad in each direction"
GOALS: Mapping[str, Goal] = {
    "timbre_by_sound": Goal(
        "timbre error, encoded by sound",
        f"{_PATCHES} and the 7 descriptors (clipped to 0..100) of |real - made|; made = of a 50 x 50 grid of decoded "
        "pad points the one with the smallest sum over the 7 of |difference| / 13.5 + 0.25 x log-mel distance in dB",
        3.3,
        1.5,
    ),
    "timbre_by_parameters": Goal(
        "timbre error, encoded from parameters alone",
        f"{_PATCHES} and the 7 descriptors (clipped to 0..100) of |real - made|; made = the patch decoded at the pad "
        "point that the encoder gives, moved to the pad's edge if it is outside",
        6.5,
        3.0,
    ),
    "log_mel_db": Goal(
        "log-mel distance, encoded by sound, dB",
        f"{_PATCHES} of the log-mel distance to the clip chosen for timbre_by_sound",
        6.2,
        4.0,
    ),
    "flips_per_crossing": Goal(
        "category flips per crossing",
        f"mean over {_CROSSED} of the changes of all 8 categories, in steps of 1/1000, each point decoded by itself",
        3.0,
        1.0,
    ),
    "mean_step": Goal(
        "mean step per 1/50 crossing",
        f"mean over {_CROSSED}, their 50 parts and the paper's 27 continuous parameters of |change| of params 0..1",
        0.020,
        0.015,
    ),
    "p95_jump": Goal(
        "95 % jump of the worst descriptor",
        f"95th percentile of the greatest of the 7 |differences| between {_GRID}",
        15.0,
        8.0,
    ),
    "range_kept": Goal(
        "5..95 % range of descriptors kept",
        "mean over the 7 of the 5..95 % range over a 50 x 50 grid as a share of that over the held-out patches",
        0.90,
        1.0,
        more_is_better=True,
    ),
    "p95_patch_error": Goal(
        "95th percentile of the patches' timbre errors",
        "95th percentile over the held-out patches of a patch's timbre_by_sound",
        7.0,
        3.0,
    ),
    "silent_area": Goal(
        "pad area silent or below -45 LUFS",
        "share of the 50 x 50 grid's points",
        0.0,
        0.0,
    ),
    "evenness_cv": Goal(
        "evenness (coefficient of variation)",
        f"standard deviation / mean of the timbral change (mean of the 7 |differences|) between {_GRID}",
        1.1,
        0.3,
    ),
}
