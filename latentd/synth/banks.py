"""amSynth's bank and preset files: read, checked and written.

A bank is the line `amSynth`, then for each of at most 128 presets `<preset> <name> NAME` and lines
`<parameter> NAME VALUE`, then `EOF`. A single preset begins with `amSynth1.0preset` and has no `EOF`.
Source: amSynth's `PresetController.cpp: readBankFile, savePresets` and `Preset.cpp: toString, fromString`.

amSynth aborts on a parameter that it does not know, such as `lfo_depth` or `reverb_dry` of its first versions (measured
with 1.13.2). Reading drops those and notes their names, so latentd writes no such file. Every other byte stays.
"""

from __future__ import annotations

import os
import re
import shlex
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType

import numpy as np

from latentd.errors import UserError
from latentd.synth import amsynth
from latentd.synth.amsynth import Array
from latentd.system import files

BANK_HEADER = "amSynth"
PRESET_HEADER = "amSynth1.0preset"
BANK_SIZE = 128  # amSynth reads into an array of this size and does not check it
BLANK_NAME = "New Preset"  # amSynth's own name for a preset without one

_PRESET = "<preset> <name> "
_PARAMETER = "<parameter> "
# The numbers that amSynth reads. It silently misreads others, such as inf, nan, 1,5 and 1E-5.
_NUMBER = re.compile(r"[-+]?(\d+\.?\d*|\.\d+)(e[-+]?\d+)?")


class BankError(UserError):
    """A bank or preset file cannot be read or written: `FILE:LINE: what is wrong`."""

    def __init__(self, message: str, hint: str = "Correct the file, or copy it again") -> None:
        super().__init__(message, hint)


@dataclass(frozen=True, slots=True)
class Preset:
    """One preset as it is in its file.

    Attributes:
        name: may be empty and may begin or end with spaces.
        values: parameter -> value as written; of a repeated one the last counts.
        lines: the lines after the name as they were read, without those of `dropped`.
        dropped: names in the file that are no parameters of amSynth, in their order.
    """

    name: str
    values: Mapping[str, float]
    lines: tuple[str, ...] = field(repr=False)
    dropped: tuple[str, ...] = ()

    @classmethod
    def from_patch(cls, name: str, patch: Array) -> Preset:
        """A new preset of patch values (41,) in the synth's units.

        Values have eight digits: amSynth reads no more (an error of 2.5e-7 of the range).

        Raises:
            BankError: the name has a line break, or the patch is not 41 finite numbers.
        """
        if name.splitlines() not in ([], [name]):
            raise BankError(f"A preset's name must be one line, found {name!r}", "Choose another name")
        if patch.shape != (amsynth.COUNT,) or not np.isfinite(patch).all():
            raise BankError(f"A patch is {amsynth.COUNT} finite numbers, found {patch!r}", "Report this bug")
        texts = [f"{value:.8g}" for value in patch]
        lines = tuple(f"{_PARAMETER}{name_} {text}" for name_, text in zip(amsynth.NAMES, texts, strict=True))
        return cls(name, MappingProxyType(dict(zip(amsynth.NAMES, map(float, texts), strict=True))), lines)

    def patch(self) -> Array:
        """Values (41,) as the synth holds them: defaults for missing ones, clamped to their ranges, on their steps."""
        patch = amsynth.DEFAULT.copy()
        for name, value in self.values.items():
            patch[amsynth.INDEX[name]] = value
        patch = np.clip(patch, amsynth.MINIMUM, amsynth.MAXIMUM)
        steps = np.floor((patch - amsynth.MINIMUM) / np.where(amsynth.STEPPED, amsynth.STEP, 1.0) + 0.5)
        return np.where(amsynth.STEPPED, amsynth.MINIMUM + steps * amsynth.STEP, patch)

    def to_text(self) -> str:
        """The text of a single-preset file. An empty name becomes `New Preset`, as amSynth misreads an empty one."""
        name = self.name if self.name.strip() else BLANK_NAME
        return "".join(f"{line}\n" for line in (PRESET_HEADER, _PRESET + name, *self.lines))


@dataclass(frozen=True, slots=True)
class Bank:
    """Presets in file order, and the end of the file (one of Debian's banks has no line break there)."""

    presets: tuple[Preset, ...]
    ending: str = "EOF\n"

    def to_text(self) -> str:
        """The text of the bank file.

        Raises:
            BankError: more than 128 presets.
        """
        if len(self.presets) > BANK_SIZE:
            raise BankError(
                f"A bank holds at most {BANK_SIZE} presets, found {len(self.presets)}", "Write several banks"
            )
        lines = [BANK_HEADER]
        for preset in self.presets:
            lines += (_PRESET + preset.name, *preset.lines)
        return "".join(f"{line}\n" for line in lines) + self.ending


def read(path: Path) -> tuple[Preset, ...]:
    """All presets of a file of either kind; raises as `read_bank` does."""
    text = _text(path)
    if text.startswith(PRESET_HEADER):
        return (parse_preset(text, str(path)),)
    if not text.startswith(BANK_HEADER):
        raise BankError(f"{path}: not an amSynth bank or preset file", f"A bank begins with the line {BANK_HEADER}")
    return parse_bank(text, str(path)).presets


def read_bank(path: Path) -> Bank:
    """Read a bank file.

    Raises:
        BankError: it cannot be read, or amSynth would skip, misread or crash on a line.
    """
    return parse_bank(_text(path), str(path))


def read_preset(path: Path) -> Preset:
    """Read a single-preset file; raises as `read_bank` does."""
    return parse_preset(_text(path), str(path))


def write(path: Path, content: Bank | Preset) -> None:
    """Write a bank or single-preset file, whole or not at all. A link stays a link; a pipe or device gets the text.

    Raises:
        LatentdError: the file cannot be written; see `files.cannot_write`.
    """
    data = content.to_text().encode("utf-8", "surrogateescape")
    path = Path(os.path.realpath(path))
    try:
        if path.exists() and not path.is_file():
            path.write_bytes(data)
        else:
            files.replace(path, data)
    except OSError as error:
        raise files.cannot_write(path, error, "Name a file in a folder you may write to") from error


def system_folder() -> Path:
    """Where amSynth's package installs its banks: the first `amsynth/banks` in the system's data folders.

    Raises:
        BankError: there is none.
    """
    roots = os.environ.get("XDG_DATA_DIRS") or "/usr/local/share:/usr/share"
    for root in roots.split(":"):
        folder = Path(root) / "amsynth" / "banks"
        if folder.is_dir():
            return folder
    raise BankError(f"No amsynth/banks in {roots}", "Install amsynth, or name the bank files")


def bank_files(paths: Iterable[Path]) -> list[Path]:
    """The files among the paths, and of each folder the files that begin like a bank or are called `*.bank`, sorted.

    Raises:
        BankError: a folder has no banks, or cannot be read.
    """
    return [file for path in paths for file in _files_of(path)]


def _files_of(path: Path) -> list[Path]:
    try:
        if not path.is_dir():
            return [path]
        inside = sorted(p for p in path.iterdir() if p.is_file() and not p.name.startswith(".") and _looks_like_bank(p))
    except OSError as error:
        raise BankError(f"{path}: {error.strerror or error}", "Check its name and its permissions") from error
    if not inside:
        raise BankError(f"{path}: no bank or preset file in this folder", "Name files, or another folder")
    return inside


def _looks_like_bank(path: Path) -> bool:
    """True if its name or its first bytes are those of a bank, or if it cannot be read: reading it gives the error."""
    if path.suffix == ".bank":
        return True
    try:
        with path.open("rb") as file:
            return file.read(len(BANK_HEADER)) == BANK_HEADER.encode()
    except OSError:
        return True


def _text(path: Path) -> str:
    """Bytes that are no UTF-8 become surrogates, so that the file can be written back unchanged."""
    try:
        text = path.read_bytes().decode("utf-8", "surrogateescape")
    except OSError as error:
        raise BankError(f"{path}: {error.strerror or error}", "Check its name and its permissions") from error
    if text.partition("\n")[0].endswith("\r"):
        cure = f"sed -i 's/\\r$//' {shlex.quote(str(path))}"
        raise BankError(f"{path}: Windows line ends (CRLF), which amSynth does not read", f"Convert it: {cure}")
    return text


def parse_bank(text: str, path: str) -> Bank:
    """`read_bank` for the text of a file; `path` names it in messages."""
    lines = text.split("\n")
    if lines[0] != BANK_HEADER:
        raise BankError(f"{path}:1: found {_short(lines[0])}, a bank begins with the line {BANK_HEADER}")
    end = next((i for i, line in enumerate(lines) if line.startswith("EOF")), None)
    if end is None and lines[-1]:
        raise BankError(
            f"{path}:{len(lines)}: the file ends within a line: {_short(lines[-1])}", "It is incomplete: copy it again"
        )
    if end is not None and "".join(lines[end:]).strip() != "EOF":
        raise BankError(f"{path}:{end + 1}: found {_short(lines[end])} and more, a bank ends with the line EOF")
    ending = "" if end is None else "\n".join(lines[end:])
    presets = _presets(lines[1 : -1 if end is None else end], path)
    if len(presets) > BANK_SIZE:
        raise BankError(f"{path}: {len(presets)} presets, a bank holds at most {BANK_SIZE}", "Split it")
    return Bank(presets, ending)


def parse_preset(text: str, path: str) -> Preset:
    """`read_preset` for the text of a file; `path` names it in messages."""
    lines = text.split("\n")
    if lines[0] != PRESET_HEADER:
        raise BankError(f"{path}:1: found {_short(lines[0])}, a preset begins with the line {PRESET_HEADER}")
    if lines[-1]:
        raise BankError(
            f"{path}:{len(lines)}: the file ends within a line: {_short(lines[-1])}", "It is incomplete: copy it again"
        )
    presets = _presets(lines[1:-1], path)
    if len(presets) != 1:
        raise BankError(f"{path}: {len(presets)} presets, a preset file holds one")
    return presets[0]


def _presets(lines: list[str], path: str) -> tuple[Preset, ...]:
    found: list[_PresetLines] = []
    for number, line in enumerate(lines, 2):
        if line.startswith("<preset>"):
            if not line.startswith(_PRESET):
                raise BankError(f"{path}:{number}: found {_short(line)}, expected '{_PRESET}NAME'")
            found.append(_PresetLines(line[len(_PRESET) :]))
        elif not found:
            raise BankError(f"{path}:{number}: found {_short(line)} before the first preset")
        else:
            found[-1].take(line, f"{path}:{number}")
    return tuple(preset_lines.preset() for preset_lines in found)


class _PresetLines:
    """The lines of one preset while its file is read."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._values: dict[str, float] = {}
        self._kept: list[str] = []
        self._dropped: dict[str, None] = {}

    def take(self, line: str, where: str) -> None:
        """The next line. Lines that newer amSynths write (`<property> ...`) are kept as they are."""
        if line.startswith(_PARAMETER):
            name, value = _parameter(line, where)
            if name not in amsynth.INDEX:
                self._dropped[name] = None
                return
            self._values[name] = value
        elif not line:
            raise BankError(f"{where}: an empty line, after which amSynth skips a line", "Remove it")
        elif not line.startswith("<") or line.startswith("<parameter>"):
            raise BankError(f"{where}: found {_short(line)}, expected '{_PARAMETER}NAME VALUE'")
        self._kept.append(line)

    def preset(self) -> Preset:
        return Preset(self._name, MappingProxyType(self._values), tuple(self._kept), tuple(self._dropped))


def _parameter(line: str, where: str) -> tuple[str, float]:
    name, _, text = line[len(_PARAMETER) :].partition(" ")
    if not name or not _NUMBER.fullmatch(text):
        raise BankError(f"{where}: {name or 'a parameter'}: found {_short(text)}, expected a number such as 0.25")
    return name, float(text)


def dropped(presets: Iterable[Preset]) -> dict[str, int]:
    """Parameter names that reading dropped -> presets that have them; fit to print."""
    counts = Counter(name for preset in presets for name in preset.dropped)
    return {name if name.isidentifier() else _short(name): count for name, count in counts.items()}


def _short(text: str) -> str:
    return repr(text if len(text) <= 40 else text[:37] + "...")
