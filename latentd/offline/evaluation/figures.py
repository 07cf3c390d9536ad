"""Pictures of models, drawn with matplotlib: every function returns the bytes of a PNG file.

Fields have a perceptually uniform colour map (viridis), so that equal differences look equal, also in grey.
"""

from __future__ import annotations

import io
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import MaxNLocator

from latentd.offline.timbre.describe import DESCRIPTORS
from latentd.synth.amsynth import Array

if TYPE_CHECKING:
    from latentd.offline.evaluation.pad_map import PadMap

_COLOURS = "viridis"
_FIRST, _SECOND, _THIRD = "#31688e", "#d95f02", "#7f7f7f"  # distinguishable for the colour-blind
_PARTS = {
    "train_continuous": "squared error of the values",
    "train_categories": "cross entropy of the switches, nats",
    "train_divergence": "Kullback-Leibler divergence, nats",
}
_DOTS_PER_INCH = 110
_COLOURED = (1.0, 99.0)  # percentiles at the ends of the colour scale, so that outliers do not hide the rest
_TICKS = (0.0, 0.5, 1.0)


def overview(pad: PadMap, title: str) -> bytes:
    """All seven descriptors and loudness over the pad."""
    figure = Figure(figsize=(13.0, 6.6), layout="constrained")
    for axes, name in zip(figure.subplots(2, 4).ravel(), (*DESCRIPTORS, "loudness"), strict=True):
        _field(figure, axes, pad, name)
    _legend(figure, pad)
    figure.suptitle(f"{title}: timbre of the pad ({pad.size} x {pad.size} points)")
    return _png(figure)


def single(pad: PadMap, name: str, title: str) -> bytes:
    """One descriptor, or loudness, over the pad."""
    figure = Figure(figsize=(6.0, 5.0), layout="constrained")
    _field(figure, figure.subplots(), pad, name)
    _legend(figure, pad)
    figure.suptitle(title)
    return _png(figure)


def losses(curve: Mapping[str, Sequence[float]]) -> bytes:
    """The loss and its parts against the epochs. Keys as in `losses.csv`; an empty list is not drawn."""
    figure = Figure(figsize=(10.0, 6.4), layout="constrained")
    all_axes = figure.subplots(2, 2, sharex=True)
    whole, *parts = all_axes.ravel()
    for key, label, colour in (("train", "trained on", _FIRST), ("validation", "held out", _SECOND)):
        if curve[key]:
            whole.plot(curve["number"], curve[key], label=label, color=colour)
    whole.set_title("loss", fontsize=10)
    whole.legend(frameon=False)
    for axes, (key, label) in zip(parts, _PARTS.items(), strict=True):
        axes.plot(curve["number"], curve[key], color=_FIRST)
        axes.set_title(f"{label} (trained on)", fontsize=10)
    for axes in all_axes.ravel():
        axes.set_xscale("log")
        axes.grid(alpha=0.3)
    figure.supxlabel("epoch")
    return _png(figure)


def emergence(fields: Mapping[int, Array], name: str, reach: float) -> bytes:
    """One parameter (size, size) in 0..1 over the latent square -reach..reach, after some of the epochs."""
    columns = -(-len(fields) // 2)
    figure = Figure(figsize=(2.5 * columns + 0.9, 5.6), layout="constrained")
    all_axes = figure.subplots(2, columns, sharex=True, sharey=True, squeeze=False)
    image = None
    for axes in all_axes.ravel()[len(fields) :]:
        axes.axis("off")
    for axes, (epoch, field) in zip(all_axes.ravel(), fields.items(), strict=False):
        extent = (-reach, reach, -reach, reach)
        image = axes.imshow(field, origin="lower", extent=extent, cmap=_COLOURS, vmin=0.0, vmax=1.0)
        axes.set_title(f"epoch {epoch}", fontsize=10)
    if image is not None:
        figure.colorbar(image, ax=all_axes, label=f"{name} (share of its range)", shrink=0.8)
    figure.supxlabel("latent 1")
    figure.supylabel("latent 2")
    return _png(figure)


def coordinates(
    points: Array,
    box: Array | None,
    values: Array,
    label: str,
    title: str,
    names: tuple[str, str] = ("latent 1", "latent 2"),
) -> bytes:
    """Presets at points (n, 2), coloured by `values` (n,), and the box that the pad shows, if any."""
    figure = Figure(figsize=(7.2, 6.0), layout="constrained")
    axes = figure.subplots()
    dots = axes.scatter(points[:, 0], points[:, 1], c=values, s=9, cmap=_COLOURS, linewidths=0, alpha=0.85)
    figure.colorbar(dots, ax=axes, label=label, shrink=0.88)
    if box is not None:
        (left, bottom), (right, top) = box
        axes.plot([left, right, right, left, left], [bottom, bottom, top, top, bottom], color=_SECOND, label="the pad")
        axes.legend(loc="upper left", fontsize=9)
    axes.set(title=title, xlabel=names[0], ylabel=names[1], aspect="equal")
    return _png(figure)


def parallel(real: Array, made: Array, names: Sequence[str], titles: Sequence[str]) -> bytes:
    """Parallel coordinates of some patches: real and reconstructed params (n, columns) in 0..1."""
    figure = Figure(figsize=(12.0, 2.0 * len(titles) + 1.6), layout="constrained")
    all_axes = figure.subplots(len(titles), 1, sharex=True, squeeze=False).ravel()
    ticks = np.arange(len(names))
    for axes, original, rebuilt, title in zip(all_axes, real, made, titles, strict=True):
        axes.plot(ticks, original, color=_FIRST, marker="o", markersize=3.5, label="real")
        axes.plot(ticks, rebuilt, color=_SECOND, marker="s", markersize=3.5, label="reconstructed")
        axes.set_title(title, fontsize=10, loc="left")
        axes.set(ylim=(-0.06, 1.06), xlim=(-0.5, len(names) - 0.5), ylabel="params")
        axes.grid(axis="x", alpha=0.25)
    all_axes[0].legend(frameon=False, ncols=2, loc="lower right", bbox_to_anchor=(1.0, 1.0))
    all_axes[-1].set_xticks(ticks, names, rotation=55, ha="right", rotation_mode="anchor", fontsize=8)
    return _png(figure)


def timbral_parallel(real: Array, made: Array) -> bytes:
    """Parallel coordinates of descriptors (n, 7): all real patches, and these with their reconstructions."""
    figure = Figure(figsize=(9.0, 8.0), layout="constrained")
    all_axes = figure.subplots(2, 1, sharex=True)
    ticks = np.arange(len(DESCRIPTORS))
    shown = {"real": (real, _FIRST), "reconstructed": (made, _SECOND)}
    for count, axes in enumerate(all_axes, 1):
        drawn = list(shown.items())[:count]
        for _, (values, colour) in drawn:
            axes.plot(ticks, values.T, color=colour, alpha=0.12, linewidth=0.7)
        for label, (values, colour) in drawn:
            axes.plot(ticks, np.median(values, axis=0), color="white", linewidth=5.0)
            axes.plot(ticks, np.median(values, axis=0), color=colour, linewidth=2.6, label=f"{label}: median")
        axes.set(ylim=(0.0, 100.0), xlim=(0, len(ticks) - 1))
        axes.grid(axis="x", alpha=0.4)
        axes.legend(loc="upper right", fontsize=9)
    all_axes[0].set_title("Timbre of real presets", fontsize=10)
    all_axes[1].set_title("Timbre of real presets and their reconstructions", fontsize=10)
    all_axes[1].set_xticks(ticks, DESCRIPTORS)
    return _png(figure)


def error_boxes(errors: Mapping[str, Array], published: Sequence[float]) -> bytes:
    """Box plots of timbre errors (label -> (n, 7)), with lines at the means of the paper's Table I."""
    figure = Figure(figsize=(11.0, 4.6), layout="constrained")
    axes = figure.subplots()
    places = np.arange(len(DESCRIPTORS), dtype=np.float64)
    width = 0.8 / len(errors)
    for n, (label, values, colour) in enumerate(zip(errors, errors.values(), (_FIRST, _SECOND, _THIRD), strict=False)):
        _boxes(axes, values, places + (n - (len(errors) - 1) / 2) * width, width * 0.85, colour)
        axes.plot([], [], color=colour, linewidth=6, alpha=0.5, label=label)
    axes.hlines(
        published, places - 0.42, places + 0.42, color="black", linewidth=1.8, label="mean in the paper's Table I"
    )
    axes.set_xticks(places, DESCRIPTORS)
    axes.set(ylabel="|real - reconstructed|", ylim=(0.0, None), title="Timbre error (box: quartiles, dot: mean)")
    axes.grid(axis="y", alpha=0.3)
    axes.legend(frameon=False)
    return _png(figure)


def pairs(real: Array, made: Array) -> bytes:
    """Real against reconstructed descriptors (n, 7), with a dot for each patch and a panel for each descriptor."""
    figure = Figure(figsize=(12.0, 6.4), layout="constrained")
    all_axes = figure.subplots(2, 4).ravel()
    all_axes[-1].axis("off")
    for axes, name, x, y in zip(all_axes, DESCRIPTORS, real.T, made.T, strict=False):
        axes.plot((0, 100), (0, 100), color="#999999", linewidth=0.8)
        axes.scatter(x, y, s=7, color=_FIRST, alpha=0.45, linewidths=0)
        r = float(np.corrcoef(x, y)[0, 1])
        axes.set(title=f"{name} (r = {r:.2f})", xlim=(0, 100), ylim=(0, 100), aspect="equal")
    figure.supxlabel("real preset")
    figure.supylabel("reconstructed")
    return _png(figure)


def _boxes(axes: Axes, values: Array, places: Array, width: float, colour: str) -> None:
    parts: dict[str, list[Any]] = axes.boxplot(
        list(values.T),
        positions=list(places),
        widths=width,
        showfliers=False,
        showmeans=True,
        patch_artist=True,
        manage_ticks=False,
        medianprops={"color": "black"},
        meanprops={"marker": "o", "markersize": 4, "markerfacecolor": "black", "markeredgecolor": "none"},
    )
    for box in parts["boxes"]:
        box.set(facecolor=colour, alpha=0.5)


def _field(figure: Figure, axes: Axes, pad: PadMap, name: str) -> None:
    """One map. A red line surrounds silent or too faint areas; the colour scale covers all but 1 % at each end."""
    field = pad.lufs if name == "loudness" else np.clip(pad.descriptors[..., DESCRIPTORS.index(name)], 0.0, 100.0)
    field = np.where(np.isfinite(field), field, np.nan)
    half = 0.5 / (pad.size - 1)
    extent = (-half, 1.0 + half, -half, 1.0 + half)
    low, high = np.nanpercentile(field, _COLOURED) if np.isfinite(field).any() else (0.0, 1.0)
    image = axes.imshow(
        field, origin="lower", extent=extent, cmap=_COLOURS, interpolation="nearest", vmin=low, vmax=high
    )
    if pad.silent.any():
        ticks = np.linspace(0.0, 1.0, pad.size)
        axes.contour(ticks, ticks, pad.silent.astype(float), levels=[0.5], colors="red", linewidths=1.0)
    bar = figure.colorbar(image, ax=axes, shrink=0.85, extend="both")
    bar.locator = MaxNLocator(5)
    bar.update_ticks()
    axes.set(title=f"{name}, LUFS" if name == "loudness" else name, xticks=_TICKS, yticks=_TICKS)


def _legend(figure: Figure, pad: PadMap) -> None:
    if pad.silent.any():
        line = Line2D([], [], color="red", label="silent, or below -45 LUFS")
        figure.legend(handles=[line], loc="upper right", frameon=False, fontsize=9)


def _png(figure: Figure) -> bytes:
    """PNG without date and version: the same picture is the same file."""
    data = io.BytesIO()
    figure.savefig(data, dpi=_DOTS_PER_INCH, format="png", metadata={"Software": None})
    return data.getvalue()
