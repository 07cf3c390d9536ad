"""The demo on a terminal: the pad, all 41 parameters, levels and latency. Pure: a status in, lines of text out."""

from __future__ import annotations

import math
import textwrap
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from rich.text import Text

from latentd.instrument.pad import XY
from latentd.synth.amsynth import INDEX, NAMES, PARAMETERS

# In the order of the signal: oscillators, filter, amplifier, modulation, keyboard, effects.
ORDER = (
    "osc1_waveform", "osc1_pulsewidth", "osc2_waveform", "osc2_pulsewidth", "osc2_range", "osc2_pitch", "osc2_detune",
    "osc2_sync", "osc_mix", "osc_mix_mode", "filter_type", "filter_slope", "filter_cutoff", "filter_resonance",
    "filter_env_amount", "filter_attack", "filter_decay", "filter_sustain", "filter_release", "filter_kbd_track",
    "filter_vel_sens", "amp_attack", "amp_decay", "amp_sustain", "amp_release", "amp_vel_sens", "master_vol",
    "lfo_waveform", "lfo_freq", "freq_mod_amount", "freq_mod_osc", "filter_mod_amount", "amp_mod_amount",
    "keyboard_mode", "portamento_time", "portamento_mode", "distortion_crunch", "reverb_wet", "reverb_roomsize",
    "reverb_damp", "reverb_width",
)  # fmt: skip
_SHORT = {
    "osc1_pulsewidth": "osc1 pulse", "osc2_pulsewidth": "osc2 pulse", "filter_resonance": "resonance",
    "filter_env_amount": "filter env", "filter_kbd_track": "filter track", "filter_vel_sens": "filter vel",
    "amp_vel_sens": "amp vel", "freq_mod_amount": "freq mod", "filter_mod_amount": "filter mod",
    "amp_mod_amount": "amp mod", "portamento_time": "porta time", "portamento_mode": "porta mode",
    "distortion_crunch": "distortion", "reverb_roomsize": "reverb room",
}  # fmt: skip
# Names of switch positions that are wider than a bar in the smallest terminal.
_SHORT_LABELS = {
    "square / pulse": "sq/pulse", "triangle / saw": "tri/saw", "white noise": "noise",
    "noise + sample & hold": "S&H", "sawtooth up": "saw up", "sawtooth down": "saw down", "high pass": "highpass",
    "band pass": "bandpass",
}  # fmt: skip
NAME_WIDTH = 14
_COLUMN_WIDTH = 24  # of one parameter in the smallest terminal
_MIN_PAD_WIDTH = 26
_LEVEL_FLOOR_DB = -60.0
_EIGHTHS = " ▏▎▍▌▋▊▉█"
_BRAILLE = ((0x01, 0x08), (0x02, 0x10), (0x04, 0x20), (0x40, 0x80))  # [dot's row][dot's column]

DIM, STRONG, POINT, TRAIL, BAR = "grey50", "bold", "bold bright_yellow", "cyan", "green"


class Setting(NamedTuple):
    """What is the same in all pictures."""

    landmarks: Sequence[XY]
    address: str  # where a phone sends to
    notice: str  # the last line
    records: bool = False


class Picture(NamedTuple):
    """Everything that one picture shows."""

    setting: Setting

    status: dict[str, Any]  # the answer to `/latentd/status`
    trail: Sequence[XY]  # the last points, the newest last
    messages_per_s: float
    level_db: float  # peak since the last picture; 0 is full scale
    recorded_s: float | None = None  # None: nothing is recorded


def short_name(name: str) -> str:
    """A parameter's name in at most NAME_WIDTH characters."""
    return _SHORT.get(name, name.replace("_", " "))


def screen(picture: Picture, width: int, height: int) -> list[Text]:
    """Exactly `height` lines of at most `width` characters."""
    address = _address(picture.setting.address, width, height)
    rows = max(height - 2 - len(address), 1)
    table_width = max(2 * _COLUMN_WIDTH, min(width // 2, 2 * 36)) if width >= 2 * _COLUMN_WIDTH + _MIN_PAD_WIDTH else 0
    left = _left(picture, width - table_width - bool(table_width), rows)
    table = _table(picture, table_width, rows) if table_width else [Text()] * rows
    lines = [_title(picture, width)]
    for pad_line, parameters in zip(left, table, strict=True):
        if table_width:
            pad_line.truncate(width - table_width - 1, overflow="ellipsis", pad=True)
            pad_line.append(" ")
        lines.append(pad_line.append_text(parameters))
    lines += [*address, _notice(picture)]
    for line in lines:
        line.truncate(width, overflow="ellipsis")
    return lines[:height]


def _address(text: str, width: int, height: int) -> list[Text]:
    """Where a phone sends to; wrapped on a narrow terminal, because an address must not be cut off."""
    lines = textwrap.wrap(text, width, break_on_hyphens=False, max_lines=max(height // 6, 1), placeholder="…")
    return [Text(line, style=STRONG) for line in lines]


def _notice(picture: Picture) -> Text:
    if picture.recorded_s is None:
        return Text(picture.setting.notice, style=DIM)
    minutes, seconds = divmod(int(picture.recorded_s), 60)
    return Text(f"● {minutes}:{seconds:02d} ", style="bold red").append(picture.setting.notice, style="not bold grey50")


def _title(picture: Picture, width: int) -> Text:
    status = picture.status
    line = Text("latentd", style=STRONG)
    line.append(f" · model {status['model']} · {status['output']}: {status['why']}", style="not bold")
    line.truncate(width - 8, overflow="ellipsis", pad=True)
    return line.append("  q ends", style=DIM)


# -- the pad ---------------------------------------------------------------------------------------


def _left(picture: Picture, width: int, rows: int) -> list[Text]:
    """The pad as large as it fits, about square on the screen, with a few facts below it."""
    facts = _facts(picture)
    high = max(min(rows - 2 - len(facts), (width - 2) // 2 + 2), 1)
    wide = max(min(width - 2, 2 * high), 1)
    box = [Text("┌" + "─" * wide + "┐", style=DIM)]
    for cells in _pad(picture, wide, high):
        box.append(Text("│", style=DIM).append_text(cells).append("│", style=DIM))
    box.append(Text("└" + "─" * wide + "┘", style=DIM))
    lines = box + facts
    return (lines + [Text() for _ in range(rows)])[:rows]


def _pad(picture: Picture, wide: int, high: int) -> list[Text]:
    """The inside of the pad: presets as dots, the trail of the point in fine dots, the point."""
    fine = braille(picture.trail, wide, high)
    marks = {_cell(xy, wide, high) for xy in picture.setting.landmarks}
    xy = picture.status["xy"]
    point = _cell((xy[0], xy[1]), wide, high) if xy else None
    lines = []
    for row in range(high):
        line = Text()
        for column in range(wide):
            here = (column, row)
            if here == point:
                line.append("●", style=POINT)
            elif here in fine:
                line.append(fine[here], style=TRAIL)
            else:
                line.append("·" if here in marks else " ", style=DIM)
        lines.append(line)
    return lines


def _cell(xy: XY, wide: int, high: int) -> tuple[int, int]:
    """Column and row of a pad point, y up."""
    return min(int(xy[0] * wide), wide - 1), min(int((1.0 - xy[1]) * high), high - 1)


def braille(points: Sequence[XY], wide: int, high: int) -> dict[tuple[int, int], str]:
    """The line through `points` in cells of 2 by 4 dots, by column and row."""
    bits: dict[tuple[int, int], int] = {}
    previous: tuple[int, int] | None = None
    for point in points:
        dot = _cell(point, 2 * wide, 4 * high)
        for x, y in _between(previous or dot, dot):
            cell = (x // 2, y // 4)
            bits[cell] = bits.get(cell, 0) | _BRAILLE[y % 4][x % 2]
        previous = dot
    return {cell: chr(0x2800 | value) for cell, value in bits.items()}


def _between(a: tuple[int, int], b: tuple[int, int]) -> list[tuple[int, int]]:
    """The dots on the line from a to b."""
    steps = max(abs(b[0] - a[0]), abs(b[1] - a[1]), 1)
    return [
        (a[0] + round((b[0] - a[0]) * i / steps), a[1] + round((b[1] - a[1]) * i / steps)) for i in range(steps + 1)
    ]


def _facts(picture: Picture) -> list[Text]:
    status, xy = picture.status, picture.status["xy"]
    latency = status["latency"]
    point = f"x {xy[0]:.3f}  y {xy[1]:.3f}" if xy else "no point yet"
    return [
        Text("near ", style=DIM).append(status["nearest"] or "-", style=STRONG),
        Text(point),
        Text(_played_by(status)),
        Text(f"{picture.messages_per_s:.0f} msg/s  ").append_text(_level(picture.level_db)),
        Text(f"latency {latency['p50_ms']:.2f} ms, p99 {latency['p99_ms']:.2f} ms"),
    ]


def _played_by(status: Mapping[str, Any]) -> str:
    """Who has the point."""
    if status["frozen"]:
        return "frozen"
    if status["idle"] == "moving":
        return "wanders until you play"
    if status["source"] or status["motion"]:
        return "you play, demo paused"
    return "source -"


def _level(level_db: float) -> Text:
    if level_db <= _LEVEL_FLOOR_DB:
        return Text("silent", style=DIM)
    colour = "red" if level_db > 0.0 else "green"
    return Text(f"{level_db:4.0f} dB ").append(bar(1.0 - level_db / _LEVEL_FLOOR_DB, 8), style=colour)


# -- the parameters --------------------------------------------------------------------------------


def _table(picture: Picture, width: int, rows: int) -> list[Text]:
    """Two columns of parameters; on a low terminal the last ones are left out."""
    patch = picture.status["patch"] or {}
    column = width // 2
    cells = [_parameter(name, patch.get(name), column) for name in ORDER]
    per_column = min(rows, math.ceil(len(cells) / 2))
    lines = []
    for row in range(rows):
        line = Text()
        for index in (row, row + per_column):
            if row < per_column and index < len(cells):
                line.append_text(cells[index])
        lines.append(line)
    return lines


def _parameter(name: str, value: float | None, width: int) -> Text:
    """Name and bar, or the name of a switch position; with the value where there is room."""
    row = PARAMETERS[INDEX[name]]
    line = Text(f"{short_name(name):<{NAME_WIDTH}} ", style=DIM)
    room = width - NAME_WIDTH - 2
    if value is None:
        shown = Text(" " * room)
    elif row.labels:
        label = row.labels[round(value)].replace(" / octave", "")
        shown = Text(label if len(label) <= room else _SHORT_LABELS[label], style="magenta")
    else:
        digits = 8 if room >= 16 else 0
        part = (value - row.minimum) / (row.maximum - row.minimum)
        shown = Text(bar(part, room - digits), style=f"{BAR} on grey15")
        if digits:
            shown.append(f"{value:{digits}.3f}", style="default on default")
    shown.truncate(room + 1, pad=True)
    return line.append_text(shown)


def bar(part: float, width: int) -> str:
    """A horizontal bar for `part` (0..1) of `width` characters, in steps of an eighth of a character."""
    eighths = round(min(max(part, 0.0), 1.0) * width * 8)
    full, rest = divmod(eighths, 8)
    return ("█" * full + (_EIGHTHS[rest] if rest else "")).ljust(width)


# -- one line --------------------------------------------------------------------------------------


def status_line(picture: Picture, elapsed_s: float) -> str:
    """The same in one line, for output that is not a terminal."""
    status, latency = picture.status, picture.status["latency"]
    xy = status["xy"]
    point = f"x {xy[0]:.3f} y {xy[1]:.3f}" if xy else "no point yet"
    level = "silent" if picture.level_db <= _LEVEL_FLOOR_DB else f"{picture.level_db:.0f} dB"
    recording = "" if picture.recorded_s is None else f", recorded {picture.recorded_s:.1f} s"
    return (
        f"{elapsed_s:5.1f} s  {point}, {_played_by(status)}, near {status['nearest'] or '-'}; "
        f"{picture.messages_per_s:.0f} messages/s, latency p50 {latency['p50_ms']:.2f} p99 {latency['p99_ms']:.2f} ms, "
        f"output {status['output']} ({status['why']}), {level}{recording}"
    )


assert sorted(ORDER) == sorted(NAMES)  # every parameter once
