"""The model card: the README of a bundle, written from its manifest."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

from latentd.model.bundle import Manifest
from latentd.offline.corpus.corpus import PAPER_BANKS
from latentd.offline.corpus.families import PRESENT
from latentd.offline.evaluation.criteria import GOALS
from latentd.offline.evaluation.metrics import GRID

PATCH_ERROR = "p95_patch_error"
_PICTURES = {
    "map.png": "The timbre of the pad",
    "coordinates.png": "The presets on the pad",
    "real-against-reconstructed.png": "Real presets against their reconstructions",
}

# Of a recipe. The limits that a model misses are listed after them.
_WEAKNESSES = {
    "paper": """\
- **It keeps little timbre.** The loss compares parameters, not sounds, and two numbers cannot hold 41: the patch at a
  preset's own pad point is a plausible amSynth patch, but often does not sound like the preset. An average patch is not
  an average sound.
- Octave and semitones of oscillator 2 are learned as if continuous, so a crossing of the pad passes through every
  semitone between two regions.
- The last epoch is kept, as in the paper, not the best one: the loss on held-out presets rises again during training
  (`losses.csv`).
""",
    "vae": """\
- It changes its sound mostly by switches: across the pad continuous parameters change little and categories flip often.
- Its encoder uses parameters alone and was trained only on the presets above: it places other presets poorly.
""",
}


def text(manifest: Manifest, paper: Mapping[str, Any] | None = None, files: Collection[str] = ()) -> str:
    """The card, as Markdown.

    Args:
        paper: the measured rows of the model `paper`, for comparison.
        files: the names of the bundle's files; the card shows the pictures among them.
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

Held out, used only for the figures below: {_corpus(corpus["kept_aside"])}

The presets belong to their authors. Those that come with amSynth are published with it under the GNU General Public
License, version 2 or later{_licence(manifest)}.

## Columns

{len(manifest.columns.continuous)} continuous parameters in 0..1, and one-hot
{", ".join(f"{name} ({n})" for name, n in manifest.columns.one_hot.items())}.
{_constants(manifest.constants)}{_ranges(manifest.ranges)}
The pad shows the latent box {_point(manifest.box.low)} to {_point(manifest.box.high)}: {manifest.box.how}.
{_plane(manifest)}
{_instrument(manifest, paper)}{_pictures(files)}## Parameters

Mean error of each parameter (share of its range) and share of presets with the right class, when a preset is encoded
and decoded again:

{_table(manifest.quality["reconstruction"])}

## Known weaknesses

{_weaknesses(manifest)}"""


def _constants(constants: Mapping[str, float]) -> str:
    """The line of parameters that are not learned, if there are any."""
    values = ", ".join(f"{name} {value:g}" for name, value in constants.items())
    return f"Not learned, always at these values: {values}.\n" if values else ""


def _ranges(ranges: Mapping[str, tuple[float, float]]) -> str:
    """The line of parameters that keep to a part of the synth's range, if there are any."""
    values = ", ".join(f"{name} {low:.3g}..{high:.3g}" for name, (low, high) in ranges.items())
    return f"At every point within these values, in the synth's units: {values}.\n" if values else ""


def _command(manifest: Manifest) -> str:
    """The command that makes it; all settings are in the card's table."""
    recipe, name = manifest.training["name"], manifest.name
    family = manifest.training.get("family", "all")
    own_banks = _own_banks(manifest)
    words = ["latentd train"]
    words += ["BANKS…"] if own_banks else []
    words += [f"--recipe {recipe}"] if recipe != "timbre" else []
    words += [f"--family {family}"] if family != "all" else []
    words += [
        f"--{option} {manifest.training[option]}" for option in ("latent", "seed") if manifest.training.get(option)
    ]
    usual = recipe if family == "all" else family
    words += [f"--name {name}"] if name != usual or own_banks else []
    return " ".join(words)


def _own_banks(manifest: Manifest) -> bool:
    banks = set(manifest.corpus["trained_on"]["banks"])
    of_a_family = manifest.training.get("family", "all") != "all"  # may have no preset in some of the banks
    return not banks <= set(PAPER_BANKS) if of_a_family else banks != set(PAPER_BANKS)


def _licence(manifest: Manifest) -> str:
    shipped = "; this model is shipped under the licence of latentd, GPL-3.0-or-later"
    return "; the licence of this model depends on that of your presets" if _own_banks(manifest) else shipped


def _dimensions(manifest: Manifest) -> str:
    latent = manifest.quality.get("plane", {}).get("latent", 2)
    return "two latent dimensions" if latent == 2 else f"{latent} latent dimensions, of which the pad shows a plane"


def _plane(manifest: Manifest) -> str:
    """For more than two latent dimensions: the part of them that the pad shows."""
    plane = manifest.quality.get("plane")
    if not plane:
        return ""
    kept = plane["variance_kept"]
    losses = {key.replace("_", " "): v for key, v in manifest.quality["losses_of_last_epoch"].items() if v is not None}
    lines = [
        "",
        f"Its axes are the first two principal components of the encoded corpus, with {kept:.1%} of its",
        f"variance in all {plane['latent']} dimensions; the other dimensions cannot be played. Losses of the last",
        f"epoch in all dimensions: {', '.join(f'{key} {value:.4g}' for key, value in losses.items())}.",
        "",
    ]
    return "\n".join(lines)


def _instrument(manifest: Manifest, paper: Mapping[str, Any] | None) -> str:
    """The quality table, if `latentd evaluate --save` has measured the model."""
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
        *_warning(facts),
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
    """The size of the grid over the pad, if it is not that of the protocol."""
    size = facts.get("grid", GRID)
    return "" if size == GRID else f", on a grid of {size} x {size} points instead of {GRID} x {GRID}"


def _warning(facts: Mapping[str, Any]) -> list[str]:
    seen = facts.get("seen_in_training")
    return [f"**Warning: the model was trained on some of these banks: {', '.join(seen)}.**"] if seen else []


def _pictures(files: Collection[str]) -> str:
    shown = [f"![{text}]({name})" for name, text in _PICTURES.items() if name in files]
    return "\n\n".join([*shown, ""]) + ("\n" if shown else "")


def _weaknesses(manifest: Manifest) -> str:
    """Known weaknesses of the recipe, measured ones, and the limits of the quality table that the model misses."""
    instrument = manifest.quality.get("instrument")
    lines = [_WEAKNESSES.get(manifest.training["name"], "")]
    if not instrument:
        return lines[0] + "- The model has not been measured yet; `latentd evaluate --save` measures it.\n"
    lines += _measured(instrument["rows"], instrument.get("extra", {}))
    lines += _missing_families(instrument.get("families", {}))
    for name, row in instrument["rows"].items():
        goal = GOALS[name]
        if not (row["value"] >= goal.must if goal.more_is_better else row["value"] <= goal.must):
            lines.append(f"- Misses `{name}`: {row['value']:.4g}, the limit is {goal.must:g}.\n")
    return "".join(lines)


def _measured(rows: Mapping[str, Any], extra: Mapping[str, float]) -> list[str]:
    """What two dimensions cost, in the figures of this model that were measured."""
    by_sound, by_parameters, worst = (
        rows[name]["value"] for name in ("timbre_by_sound", "timbre_by_parameters", PATCH_ERROR)
    )
    lines = []
    if by_sound > 0.0:
        lines.append(
            f"- Encoded from parameters alone, a preset has {by_parameters / by_sound:.1f} times the timbre error that "
            f"it has\n  encoded by sound ({by_parameters:.3g} and {by_sound:.3g}).\n"
        )
    lines.append(
        "- Not every preset is on the pad: for 5 % of them even the nearest sound of the pad has a timbre\n"
        f"  error of {worst:.3g} or more.\n"
    )
    if "p5_lufs" in extra:
        low, high = extra["p5_lufs"], extra["p95_lufs"]
        lines.append(
            f"- Loudness varies over the pad: its loudest 5 % are {high - low:.1f} LU or more above its quietest 5 % "
            f"({low:.1f} and\n  {high:.1f} LUFS).\n"
        )
    if "timbre_by_parameters_without_twins" in extra:
        others = f"the {extra['not_in_training']:g} others"
        by_sound, by_parameters = (extra[f"timbre_by_{name}_without_twins"] for name in ("sound", "parameters"))
        lines.append(
            "- Some of the measured presets are duplicated in a bank that it was trained on. The timbre error of\n"
            f"  {others} is {by_sound:.3g} by sound, {by_parameters:.3g} from parameters.\n"
        )
    if "dead_steps" in extra:
        lines.append(f"- Dead zones: over {extra['dead_steps']:.1%} of the grid's steps the timbre does not change.\n")
    if "way_back" in extra:
        lines.append(
            "- Encoding is approximate: the patch of a pad point is encoded to a point that is, on average,\n"
            f"  {extra['way_back']:.1%} of the pad's side away from it.\n"
        )
    return lines


def _missing_families(shares: Mapping[str, float]) -> list[str]:
    """The families of sounds that are hardly on the pad."""
    missing = [name for name, share in shares.items() if share < PRESENT]
    return [f"- Less than {PRESENT:.0%} of its pad each: {', '.join(missing)}.\n"] if missing else []


def _corpus(facts: dict[str, Any]) -> str:
    if not facts["presets"]:
        return "nothing."
    names = ", ".join(f"`{bank}` ({n})" for bank, n in facts["banks"].items())
    return f"{facts['presets']} presets, {facts['distinct']} of them distinct: {names}."


def _settings(training: dict[str, Any]) -> str:
    rows = [(key.replace("_", " "), value) for key, value in training.items() if key != "name"]
    return "\n".join(f"| {key} | {value if isinstance(value, str) else f'{value:g}'} |" for key, value in rows)


def _point(point: tuple[float, float]) -> str:
    return f"({point[0]:.2f}, {point[1]:.2f})"


def _table(reconstruction: dict[str, Any]) -> str:
    trained, held_out = reconstruction["trained_on"], reconstruction["kept_aside"]
    lines = ["| parameter | measure | trained on | held out |", "|---|---|---|---|"]
    for key, measure in (("mean_error", "mean error"), ("right_class", "right class")):
        for name, value in trained[key].items():
            other = f"{held_out[key][name]:.3f}" if held_out else "-"
            lines.append(f"| {name} | {measure} | {value:.3f} | {other} |")
    return "\n".join(lines)
