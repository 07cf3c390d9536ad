"""The rows of the quality table: the title, measuring protocol and limits of each."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from latentd.offline.corpus.families import FAMILIES


class Goal(NamedTuple):
    """A row of the table: `must` is its limit, `aim` the value to strive for.

    `protocol` has `{grid}` and `{cells}` where the sizes of a run stand, see `protocol`.
    """

    title: str
    protocol: str
    must: float
    aim: float
    more_is_better: bool = False


_PATCHES = "mean over the held-out patches"
_GRID = "neighbours along the rows and columns of a {grid} x {grid} grid over the pad, edges included"
_CROSSED = "101 straight lines across the pad in each direction"
_IN_CELLS = "in the centres of {cells} x {cells} cells of the pad"
_CELLS = "of the centres of {cells} x {cells} cells of the pad"
_NOTE = "a note of 3 s"
_NINE = "C2, C4 and C6 at velocities 40, 100 and 127"
_WALKS = "{walks} random walks of 20 s (a new speed and direction every second, standard deviation 0.25 sides a second)"
_TUNED = (
    f"C3, C4, C5 at velocity 100, {_IN_CELLS}; pitch by SwiftF0: the median of the voiced frames from 0.3 to 1.5 s, "
    "none if fewer than half are voiced"
)
_PICTURE = (
    "distance: mean |dB| of log-mel spectrograms of 3 s of C4 at velocity 100, at -24 LUFS, 48 bands x 12 times (finer "
    "at the start), floor 60 dB below the greatest value"
)
_ALL = "the distinct presets, held out or trained on"
GOALS: Mapping[str, Goal] = {
    "timbre_by_sound": Goal(
        "timbre error, encoded by sound",
        f"{_PATCHES} and the 7 descriptors (clipped to 0..100) of |real - made|; made = of a {{grid}} x {{grid}} grid "
        "of decoded pad points the one with the smallest sum over the 7 of |difference| / 13.5 + 0.25 x log-mel "
        "distance in dB",
        3.0,
        2.5,
    ),
    "timbre_by_parameters": Goal(
        "timbre error, encoded from parameters alone",
        f"{_PATCHES} and the 7 descriptors (clipped to 0..100) of |real - made|; made = the patch decoded at the pad "
        "point that the encoder gives, moved to the pad's edge if it is outside",
        6.3,
        5.5,
    ),
    "log_mel_db": Goal(
        "log-mel distance, encoded by sound, dB",
        f"{_PATCHES} of the log-mel distance to the clip chosen for timbre_by_sound",
        5.8,
        5.0,
    ),
    "flips_per_crossing": Goal(
        "category flips per crossing",
        f"mean over {_CROSSED} of the changes of all 8 categories, in steps of 1/1000, each point decoded by itself",
        3.5,
        2.0,
    ),
    "mean_step": Goal(
        "mean step per 1/50 crossing",
        f"mean over {_CROSSED}, their 50 parts and the paper's 27 continuous parameters of |change| of params 0..1",
        0.0175,
        0.015,
    ),
    "p95_jump": Goal(
        "95 % jump of the worst descriptor",
        f"95th percentile of the greatest of the 7 |differences| between {_GRID}",
        13.5,
        10.0,
    ),
    "range_kept": Goal(
        "5..95 % range of descriptors kept",
        "mean over the 7 of the 5..95 % range over a {grid} x {grid} grid as a share of that over the held-out patches",
        0.90,
        1.0,
        more_is_better=True,
    ),
    "p95_patch_error": Goal(
        "95th percentile of the patches' timbre errors",
        "95th percentile over the held-out patches of a patch's timbre_by_sound",
        6.6,
        5.0,
    ),
    "silent_area": Goal(
        "pad area silent or below -45 LUFS",
        "share of the points of a {grid} x {grid} grid",
        0.0,
        0.0,
    ),
    "evenness_cv": Goal(
        "evenness (coefficient of variation)",
        f"standard deviation / mean of the timbral change (mean of the 7 |differences|) between {_GRID}",
        0.72,
        0.4,
    ),
    "in_tune": Goal(
        "pitched notes in tune",
        f"share within 25 cents of the note's pitch class, of all pitched notes; {_TUNED}",
        0.98,
        1.0,
        more_is_better=True,
    ),
    "pitched": Goal("notes with a pitch", f"share of all notes; {_TUNED}", 0.93, 0.95, more_is_better=True),
    "other_pitch": Goal(
        "pitched notes on another pitch",
        f"share beyond 60 cents from the note's pitch class, of all pitched notes; {_TUNED}",
        0.005,
        0.0,
    ),
    "melody": Goal(
        "notes of a melody in tune",
        f"share within 20 cents of the note's pitch class, of all notes (two a second, C major, C4 to C5) over {_WALKS}"
        "; pitch by SwiftF0, as above, from 0.1 s after a note's start to its end",
        0.93,
        0.98,
        more_is_better=True,
    ),
    "held_silent": Goal(
        "held notes that die",
        f"share {_CELLS} below -45 dBFS (power of both channels) in the last 0.4 s of {_NOTE}, C4 at velocity 100",
        0.01,
        0.0,
    ),
    "held_walks": Goal(
        "silence under a held chord",
        f"share of time below -45 LUFS momentary: C3, C4, E4 and G4 at velocity 100 held over {_WALKS}",
        0.0,
        0.0,
    ),
    "level": Goal(
        "range of levels, LU",
        f"95th - 5th percentile of LUFS (BS.1770, integrated, silence -70) of {_NOTE}, C4 at velocity 100, {_IN_CELLS}",
        5.5,
        3.0,
    ),
    "level_all": Goal(
        "range of levels, worst note, LU",
        f"the same, the greatest of {_NINE}",
        10.0,
        6.0,
    ),
    "too_loud": Goal(
        "too loud a note",
        f"share {_CELLS} above -9 LUFS, the greatest of {_NINE}",
        0.01,
        0.0,
    ),
    "distinct": Goal(
        "different sounds",
        f"{_IN_CELLS}: how many can be chosen, row by row, each at least 6 dB from all chosen before; {_PICTURE}",
        110.0,
        150.0,
        more_is_better=True,
    ),
    "nearest": Goal(
        "from a preset to the pad, dB",
        f"median over {_ALL} of the distance to the nearest sound {_IN_CELLS}; {_PICTURE}",
        4.8,
        4.2,
    ),
    "families": Goal(
        "families of sounds",
        f"how many of 15 have at least 1 % of the sounds {_IN_CELLS}: " + ", ".join(FAMILIES),
        11.0,
        15.0,
        more_is_better=True,
    ),
    "slow_attack": Goal(
        "from a slow preset to the pad, dB",
        f"mean over those of {_ALL} whose amp attack takes more than 0.3 s of the distance to the nearest sound "
        f"{_IN_CELLS}; {_PICTURE}",
        6.2,
        5.0,
    ),
    "morph": Goal(
        "ways between presets, against a straight line",
        "roughness of the way over the pad (straight, between the points that the encoder gives, 7 steps), as a share "
        "of that of the straight line through the parameters: mean of two ratios, of the root mean square second "
        "differences and deviations from linear between the presets' own values; 7 descriptors scaled by their "
        "standard deviation, {pairs} random pairs of held-out presets",
        0.85,
        0.7,
    ),
    "notes": Goal(
        "timbre error over the keyboard",
        "timbre_by_sound as a mean over C2, C4 and C6 at velocities 40 and 100, each looked up by itself among the "
        "centres of {cells} x {cells} cells of the pad; {presets} random held-out presets",
        3.6,
        2.5,
    ),
    "axes": Goal(
        "axes that the ear follows",
        "rank correlation of x with brightness, and of y with hardness or with the time to 90 % of the level (the "
        f"greater); the smaller of the two, {_IN_CELLS}; C4 at velocity 100",
        0.7,
        0.85,
        more_is_better=True,
    ),
}


def protocol(name: str, sizes: Mapping[str, int]) -> str:
    """How a row was measured, with the sizes of the run (see `Evaluation.sizes`)."""
    return GOALS[name].protocol.format(**sizes)
