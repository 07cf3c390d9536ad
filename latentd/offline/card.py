"""The model card: what a bundle's README says, from its manifest."""

from __future__ import annotations

from typing import Any

from latentd.bundle import Manifest

_WEAKNESSES = """\
- **It keeps little timbre.** The loss compares parameters, not sounds, and two numbers cannot hold 41: the patch that
  comes back from a preset's own pad point is a plausible amSynth patch, but often not one that sounds like the preset.
  An average patch is not an average sound.
- It encodes by parameters alone; `latentd encode --by sound` needs a model with a sound encoder.
- Octave and semitones of oscillator 2 are learned as if continuous, so a crossing of the pad passes through every
  semitone between two regions.
- The last epoch is kept, as in the paper, not the best one: the loss on presets kept aside rises again during training
  (`losses.csv`)."""


def text(manifest: Manifest) -> str:
    """Markdown."""
    training, corpus = manifest.training, manifest.corpus
    command = "latentd train" if training["name"] == "paper" else f"latentd train BANKS… --name {manifest.name}"
    return f"""\
# {manifest.name}

A model for {manifest.synth}: two latent dimensions, made by `{command}`.

| recipe `{training["name"]}` | |
|---|---|
{_settings(training)}

## Trained on

{_corpus(corpus["trained_on"])}

Kept aside, only looked at for the figures below: {_corpus(corpus["kept_aside"])}

The presets belong to their authors. Those that come with amSynth are published with it under the GNU General Public
License, version 2 or later; this model is shipped under the licence of latentd, GPL-3.0-or-later.

## Columns

{len(manifest.columns.continuous)} continuous parameters in 0..1, and one-hot
{", ".join(f"{name} ({n})" for name, n in manifest.columns.one_hot.items())}.
Not learned, always at these values: {", ".join(f"{name} {value:g}" for name, value in manifest.constants.items())}.

The pad shows the latent box {_point(manifest.box.low)} to {_point(manifest.box.high)}: {manifest.box.how}.

## Quality

Mean error of each parameter (share of its range) and share of presets with the right class, when a preset is encoded
and decoded again:

{_table(manifest.quality["reconstruction"])}

## Known weaknesses

{_WEAKNESSES}
"""


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
