"""The model card: what a bundle's README says, from its manifest."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

from latentd.model.bundle import Manifest
from latentd.offline.corpus.corpus import PAPER_BANKS
from latentd.offline.evaluation.criteria import GOALS
from latentd.offline.evaluation.metrics import GRID

PATCH_ERROR = "p95_patch_error"
_PICTURES = {
    "map.png": "What the pad sounds like",
    "coordinates.png": "The presets in the latent space",
    "real-against-reconstructed.png": "Real presets against what the pad gives back",
}

# Of one recipe; what a model misses in the table below is said of any.
_WEAKNESSES = {
    "paper": """\
- **It keeps little timbre.** The loss compares parameters, not sounds, and two numbers cannot hold 41: the patch that
  comes back from a preset's own pad point is a plausible amSynth patch, but often not one that sounds like the preset.
  An average patch is not an average sound.
- Octave and semitones of oscillator 2 are learned as if continuous, so a crossing of the pad passes through every
  semitone between two regions.
- The last epoch is kept, as in the paper, not the best one: the loss on presets kept aside rises again during training
  (`losses.csv`).
""",
    "vae": """\
- It has learned to change its sound by switches: on the way over the pad values move little, and categories often flip.
- Its encoder goes by parameters alone and has heard nothing but its own presets: of others it finds the place badly.
""",
}


def text(manifest: Manifest, paper: Mapping[str, Any] | None = None, files: Collection[str] = ()) -> str:
    """Markdown.

    Args:
        paper: the measured rows of the model `paper`, to compare with.
        files: names of the bundle's pictures that the card can show.
    """
    training, corpus = manifest.training, manifest.corpus
    return f"""\
# {manifest.name}

A model for {manifest.synth}: {_dimensions(manifest)}, made by `{_command(manifest)}`.

| recipe `{training["name"]}` | |
|---|---|
{_settings(training)}

## Trained on

{_corpus(corpus["trained_on"])}

Kept aside, only looked at for the figures below: {_corpus(corpus["kept_aside"])}

The presets belong to their authors. Those that come with amSynth are published with it under the GNU General Public
License, version 2 or later{_licence(manifest)}.

## Columns

{len(manifest.columns.continuous)} continuous parameters in 0..1, and one-hot
{", ".join(f"{name} ({n})" for name, n in manifest.columns.one_hot.items())}.
{_constants(manifest.constants)}
The pad shows the latent box {_point(manifest.box.low)} to {_point(manifest.box.high)}: {manifest.box.how}.
{_plane(manifest)}
{_instrument(manifest, paper)}{_pictures(files)}## Parameters

Mean error of each parameter (share of its range) and share of presets with the right class, when a preset is encoded
and decoded again:

{_table(manifest.quality["reconstruction"])}

## Known weaknesses

{_weaknesses(manifest)}"""


def _constants(constants: Mapping[str, float]) -> str:
    """A line of what is not learned, if anything."""
    values = ", ".join(f"{name} {value:g}" for name, value in constants.items())
    return f"Not learned, always at these values: {values}.\n" if values else ""


def _command(manifest: Manifest) -> str:
    """What makes it; the settings that it was given are in the table below."""
    recipe, name = manifest.training["name"], manifest.name
    of_your_own = _of_your_own(manifest)
    words = ["latentd train"]
    words += ["BANKS…"] if of_your_own else []
    words += [f"--recipe {recipe}"] if recipe != "timbre" else []
    words += [
        f"--{option} {manifest.training[option]}" for option in ("latent", "seed") if manifest.training.get(option)
    ]
    words += [f"--name {name}"] if name != recipe or of_your_own else []
    return " ".join(words)


def _of_your_own(manifest: Manifest) -> bool:
    return set(manifest.corpus["trained_on"]["banks"]) != set(PAPER_BANKS)


def _licence(manifest: Manifest) -> str:
    shipped = "; this model is shipped under the licence of latentd, GPL-3.0-or-later"
    return "; what you may do with this model follows from your presets" if _of_your_own(manifest) else shipped


def _dimensions(manifest: Manifest) -> str:
    latent = manifest.quality.get("plane", {}).get("latent", 2)
    return "two latent dimensions" if latent == 2 else f"{latent} latent dimensions, of which the pad shows a plane"


def _plane(manifest: Manifest) -> str:
    """Of a latent space of more than two dimensions: what the pad leaves out of it."""
    plane = manifest.quality.get("plane")
    if not plane:
        return ""
    losses = {key.replace("_", " "): v for key, v in manifest.quality["losses_of_last_epoch"].items() if v is not None}
    lines = [
        "",
        f"Its axes are the two main directions of the encoded corpus. They hold {plane['variance_kept']:.1%} of its",
        f"variance in all {plane['latent']} dimensions; what the decoder does in the others can't be played.",
        f"Losses of the last epoch in all of them: {', '.join(f'{key} {value:.4g}' for key, value in losses.items())}.",
        "",
    ]
    return "\n".join(lines)


def _instrument(manifest: Manifest, paper: Mapping[str, Any] | None) -> str:
    """The quality table, of a model that `latentd evaluate --save` has measured."""
    measured = manifest.quality.get("instrument")
    if not measured:
        return ""
    facts, rows = measured["held_out"], measured["rows"]
    compared = paper is not None and manifest.name != "paper"
    lines = [
        "## Quality",
        "",
        f"Measured by `latentd evaluate {manifest.name}` on {facts['distinct']} presets of {len(facts['banks'])} banks "
        f"({', '.join(facts['banks'])}){_grid(facts)}. Brackets: bootstrap 90 % interval.",
        *_careful(facts),
        "",
        f"| quality | {manifest.name} |{' paper |' if compared else ''} must | aim |",
        f"|---|---|{'---|' if compared else ''}---|---|",
    ]
    for name, row in rows.items():
        goal = GOALS[name]
        other = f" {paper[name]['value']:.4g} |" if compared and paper is not None else ""
        interval = f" [{row['interval'][0]:.4g}, {row['interval'][1]:.4g}]" if row["interval"] else ""
        sign = ">=" if goal.more_is_better else "<="
        lines.append(
            f"| {goal.title} (`{name}`) | {row['value']:.4g}{interval} |{other} {sign} {goal.must:g} | {goal.aim:g} |"
        )
    return "\n".join([*lines, "", ""])


def _grid(facts: Mapping[str, Any]) -> str:
    """The size of the grid over the pad, where it is not that of the protocol."""
    size = facts.get("grid", GRID)
    return "" if size == GRID else f", over a grid of {size} x {size} points, where the rows ask for {GRID} x {GRID}"


def _careful(facts: Mapping[str, Any]) -> list[str]:
    seen = facts.get("seen_in_training")
    return [f"**Careful: it was trained on some of these banks: {', '.join(seen)}.**"] if seen else []


def _pictures(files: Collection[str]) -> str:
    shown = [f"![{text}]({name})" for name, text in _PICTURES.items() if name in files]
    return "\n\n".join([*shown, ""]) + ("\n" if shown else "")


def _weaknesses(manifest: Manifest) -> str:
    """What the recipe is known to lack, what was measured, and what the table says it misses."""
    instrument = manifest.quality.get("instrument")
    lines = [_WEAKNESSES.get(manifest.training["name"], "")]
    if not instrument:
        return lines[0] + "- How it sounds has not been measured yet: `latentd evaluate --save` does.\n"
    lines += _measured(instrument["rows"], instrument.get("extra", {}))
    for name, row in instrument["rows"].items():
        goal = GOALS[name]
        if not (row["value"] >= goal.must if goal.more_is_better else row["value"] <= goal.must):
            lines.append(f"- Misses `{name}`: {row['value']:.4g}, where {goal.must:g} is asked for.\n")
    return "".join(lines)


def _measured(rows: Mapping[str, Any], extra: Mapping[str, float]) -> list[str]:
    """What any two dimensions cost, in this model's own figures; one that was not measured is not named."""
    heard, placed, worst = (rows[name]["value"] for name in ("timbre_by_sound", "timbre_by_parameters", PATCH_ERROR))
    lines = []
    if heard > 0.0:
        lines.append(
            f"- A preset placed by its parameters alone comes back {placed / heard:.1f} times as wrong as one placed "
            f"by its\n  sound (timbre error {placed:.3g} against {heard:.3g}).\n"
        )
    lines.append(
        "- Not every preset is on the pad: for the worst-served 5 % even the nearest sound of the\n"
        f"  pad is wrong by {worst:.3g} or more.\n"
    )
    if "p5_lufs" in extra:
        low, high = extra["p5_lufs"], extra["p95_lufs"]
        lines.append(
            f"- Loudness differs over the pad: its loudest 5 % are {high - low:.1f} LU or more above its quietest 5 % "
            f"({low:.1f} and\n  {high:.1f} LUFS).\n"
        )
    if "timbre_by_parameters_without_twins" in extra:
        heard, placed = (extra[f"timbre_by_{way}_without_twins"] for way in ("sound", "parameters"))
        lines.append(
            "- Presets that a bank it was trained on holds as well help the figures. The timbre error of the\n"
            f"  {extra['not_in_training']:g} others is {heard:.3g} by sound and {placed:.3g} by parameters.\n"
        )
    if "dead_steps" in extra:
        lines.append(f"- Dead zones: over {extra['dead_steps']:.1%} of the grid's steps the timbre stays as it is.\n")
    if "way_back" in extra:
        lines.append(
            "- The way back is approximate: encoding the patch of a pad point gives a point that is, on average,\n"
            f"  {extra['way_back']:.1%} of the pad's side away from it.\n"
        )
    return lines


def _corpus(facts: dict[str, Any]) -> str:
    if not facts["presets"]:
        return "nothing."
    names = ", ".join(f"`{bank}` ({n})" for bank, n in facts["banks"].items())
    return f"{facts['presets']} presets, {facts['distinct']} of them distinct: {names}."


def _settings(training: dict[str, Any]) -> str:
    rows = [(key.replace("_", " "), value) for key, value in training.items() if key != "name"]
    return "\n".join(f"| {key} | {value:g} |" for key, value in rows)


def _point(point: tuple[float, float]) -> str:
    return f"({point[0]:.2f}, {point[1]:.2f})"


def _table(reconstruction: dict[str, Any]) -> str:
    trained, aside = reconstruction["trained_on"], reconstruction["kept_aside"]
    lines = ["| parameter | measure | trained on | kept aside |", "|---|---|---|---|"]
    for key, measure in (("mean_error", "mean error"), ("right_class", "right class")):
        for name, value in trained[key].items():
            other = f"{aside[key][name]:.3f}" if aside else "-"
            lines.append(f"| {name} | {measure} | {value:.3f} | {other} |")
    return "\n".join(lines)
