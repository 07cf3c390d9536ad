"""Mapping files: which messages of a device are x, y and touch. The models here define the format and its schema."""

from __future__ import annotations

import difflib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import ConfigDict, Discriminator, Field, Tag, field_validator

from latentd.errors import LatentdError, UserError
from latentd.inputs.midi_spec import Bend, Cc, Difference, MidiControl, Nrpn, Pressure
from latentd.instrument.gesture_settings import GestureSettings
from latentd.osc.patterns import can_match
from latentd.schema.documents import DocumentErrors, Strict, parse_document, read_text
from latentd.schema.messages import Clash, Keys
from latentd.system import resources
from latentd.system.resources import is_name

Index = Annotated[int, Field(ge=0, le=1023, description="position of an argument, counted from 0")]
Note = Annotated[int, Field(ge=0, le=127)]
Channel = Annotated[int, Field(ge=1, le=16)]


class OscMessage(Strict):
    """One OSC message of the device: its address, and the meaning of its arguments."""

    address: str = Field(
        pattern=r"^/\S*$", max_length=200, examples=["/xy"], description="may contain wildcards: /ZIGSIM/*/touch01"
    )
    x: Index | None = Field(default=None, examples=[0], description="the argument that is x")
    y: Index | None = Field(default=None, examples=[1], description="the argument that is y")
    touch: bool | Index | None = Field(
        default=None, examples=[2], description="the argument that is touch; or true / false: the message itself is it"
    )
    touch_above: float = Field(default=0.5, description="a touch argument above this is on")
    finger: list[Index] = Field(default=[], max_length=4, description="the arguments that identify a finger")
    only: dict[Annotated[int, Field(ge=0, le=1023)], int | str] = Field(
        default={}, description="argument -> value: messages with another value there are ignored"
    )
    untagged: str | None = Field(
        default=None, pattern="^[ifhd]{1,32}$", description="argument types, for senders that leave out the type tags"
    )

    @field_validator("address")
    @classmethod
    def _can_match(cls, value: str) -> str:
        if not can_match(value):
            raise ValueError("matches no address: close every [ and { before the next /, with something between them")
        return value

    def clashes(self) -> Iterator[Clash]:
        """It must set something, from arguments that it can have."""
        if self.x is None and self.y is None and self.touch is None:
            yield Clash("must have at least one of x, y, touch")
        if self.x is not None and self.x == self.y:
            what = f"x and y are both argument {self.x}, so the point could only move on a diagonal"
            yield Clash(what, ("x", "y"))
        if self.untagged is not None:
            yield from self._too_short(len(self.untagged))

    def _too_short(self, letters: int) -> Iterator[Clash]:
        """`untagged` must have a letter for every argument that is used."""
        if beyond := [f"{key}: {position}" for key, position in self._arguments() if position >= letters]:
            has = f"{letters} letter{'s' if letters > 1 else ''}"
            what = f"untagged has {has}, too few for {', '.join(beyond)} (counted from 0)"
            yield Clash(what, ("x", "y", "touch", "finger", "only", "untagged"))

    def _arguments(self) -> Iterator[tuple[str, int]]:
        """Each key that refers to an argument, and the argument's position."""
        for key, position in (("x", self.x), ("y", self.y), ("touch", self.touch)):
            if position is not None and not isinstance(position, bool):
                yield key, position
        yield from (("finger", position) for position in self.finger)
        yield from (("only", position) for position in self.only)


class OscSection(Strict):
    """`osc:`, the messages of one device."""

    messages: list[OscMessage] = Field(min_length=1, max_length=32, examples=[[{"address": "/xy", "x": 0, "y": 1}]])
    relative: bool = Field(default=False, description="x and y are movements, not positions")
    step: float = Field(default=1.0, gt=0.0, le=1e6, description="pad widths for a movement of 1")
    lead: Literal["first", "newest"] = Field(default="first", description="which of several fingers leads")

    def clashes(self) -> Iterator[Clash]:
        """Both x and y must come from somewhere."""
        missing = [axis for axis in ("x", "y") if all(getattr(message, axis) is None for message in self.messages)]
        if missing:
            yield Clash(f"no message sets {' or '.join(missing)}, so the point could not move", ("messages.*",))


class TuioSection(Strict):
    """`tuio:`, the cursors of TUIO 1.1 (/tuio/2Dcur) or the pointers of TUIO 2.0 (/tuio2/ptr)."""

    version: Literal[1, 2] = Field(default=1, description="1 for TUIO 1.1, 2 for TUIO 2.0")


def _control_tag(value: Any) -> str | None:
    """The kind of a control, by the key that only this kind has, or by a key that resembles one."""
    if isinstance(value, MidiControl):
        return f"#{value.key}"
    if not isinstance(value, dict):
        return None
    keys = [str(key) for key in value]
    near = (difflib.get_close_matches(key, _KINDS, n=1) for key in keys)
    found = next((key for key in keys if key in _KINDS), None) or next((n[0] for n in near if n), None)
    return f"#{_KINDS[found]}" if found else None


_KINDS = {"cc": "cc", "nrpn": "nrpn", "bend": "bend", "pressure": "pressure", "plus": "plus", "minus": "plus"}
_NO_KIND = "must be a control: a map with one of the keys cc, nrpn, bend, pressure, or plus and minus"

Axis = Annotated[
    Annotated[Cc, Tag("#cc")]
    | Annotated[Nrpn, Tag("#nrpn")]
    | Annotated[Bend, Tag("#bend")]
    | Annotated[Pressure, Tag("#pressure")]
    | Annotated[Difference, Tag("#plus")],
    Discriminator(_control_tag, custom_error_type="control", custom_error_message=_NO_KIND),
]


class MidiTouch(Strict):
    """`touch:`, whether the pad is touched, by a note, a control change or pressure."""

    note: Note | list[Note] | Literal["any"] | None = Field(
        default=None, examples=[36], description="on while this note, one of these, or any sounds"
    )
    cc: Annotated[int, Field(ge=0, le=127)] | None = Field(
        default=None, examples=[64], description="number of the control"
    )
    pressure: Literal[True] | None = Field(default=None, examples=[True], description="channel pressure")
    on_from: int = Field(default=64, ge=1, le=127, description="smallest value of cc or pressure that is on")
    channel: Channel | None = Field(default=None, description="if it differs from the section's")

    def clashes(self) -> Iterator[Clash]:
        """It comes from one kind of message."""
        if sum(value is not None for value in (self.note, self.cc, self.pressure)) != 1:
            yield Clash("must have exactly one of note, cc, pressure")


class Pads(Strict):
    """`pads:`, drum pads as a grid: the lowest note at the bottom left, then to the right, then up."""

    lowest: int = Field(ge=0, le=127, description="note of the pad at the bottom left")
    columns: int = Field(ge=2, le=64)
    rows: int = Field(ge=2, le=64)
    row_step: int | None = Field(
        default=None, ge=1, le=64, description="notes from a row to the next; default: columns"
    )

    def clashes(self) -> Iterator[Clash]:
        """Every pad must have a MIDI note."""
        highest = self.lowest + (self.rows - 1) * (self.row_step or self.columns) + self.columns - 1
        if highest > 127:
            keys = ("lowest", "columns", "rows", "row_step")
            yield Clash(f"the last pad would be note {highest}, above 127", keys)


class MidiSection(Strict):
    """`midi:`, two controls, or a grid of pads."""

    port: str | None = Field(default=None, min_length=1, description="part of the port's name; default: any port")
    channel: Channel | None = Field(default=None, description="1 to 16; default: any channel")
    x: Axis | None = Field(default=None, examples=[{"cc": 12}])
    y: Axis | None = Field(default=None, examples=[{"cc": 13}])
    touch: MidiTouch | None = Field(default=None, examples=[{"note": 36}])
    pads: Pads | None = Field(default=None, examples=[{"lowest": 36, "columns": 4, "rows": 4}])

    def clashes(self) -> Iterator[Clash]:
        """It must be exactly one pad, with both axes."""
        if self.pads is not None:
            if self.x or self.y or self.touch:
                yield Clash("pads set x, y and touch: remove these keys")
        elif self.x is None or self.y is None:
            yield Clash("must have x and y, or pads")
        elif self.x.relative_axis != self.y.relative_axis:
            yield Clash("x and y must both be relative, or neither", ("x.relative", "y.relative"))


class MpeSection(Strict):
    """`mpe:`, the note that started last in one zone."""

    port: str | None = Field(default=None, min_length=1, description="part of the port's name; default: any port")
    zone: Literal["lower", "upper"] = Field(default="lower", description="lower: manager channel 1; upper: 16")
    members: int = Field(default=15, ge=1, le=15, description="member channels, until the device sets them (RPN 6)")
    bend_semitones: float = Field(default=48.0, gt=0.0, le=96.0, description="until the device sets it (RPN 0)")
    x: Literal["bend", "pitch", "slide", "pressure"] = Field(
        default="pitch", description="pitch: note and bend, bend: the bend alone (semitones); slide, pressure: 0 to 1"
    )
    y: Literal["bend", "pitch", "slide", "pressure"] = Field(default="slide", description="as x; slide is CC 74")


class LinnStrumentSection(Strict):
    """`linnstrument:`, the LinnStrument's User Firmware Mode: x over the whole width, y over all rows."""

    port: str | None = Field(default=None, min_length=1, description="part of the port's name; default: any port")
    rows: int = Field(default=8, ge=1, le=8, description="rows, from the bottom, that make up y")
    width: int = Field(default=4265, ge=1, le=16383, description="x at the right edge")


_SECTIONS = ("osc", "tuio", "midi", "mpe", "linnstrument")


class MappingFile(Strict):
    """One device: exactly one of the sections osc, tuio, midi, mpe, linnstrument, and the range of its numbers."""

    # The rule of `clashes`, for editors.
    model_config = ConfigDict(json_schema_extra={"oneOf": [{"required": [name]} for name in _SECTIONS]})

    title: str = Field(
        min_length=1, max_length=100, examples=["My pad"], description="the device and the part of it, in a few words"
    )
    osc: OscSection | None = Field(default=None, examples=[{"messages": [{"address": "/xy", "x": 0, "y": 1}]}])
    tuio: TuioSection | None = Field(default=None, examples=[{"version": 1}])
    midi: MidiSection | None = Field(default=None, examples=[{"x": {"cc": 12}, "y": {"cc": 13}}])
    mpe: MpeSection | None = Field(default=None, examples=[{"zone": "lower"}])
    linnstrument: LinnStrumentSection | None = Field(default=None, examples=[{"rows": 8}])
    gesture: GestureSettings = Field(default_factory=GestureSettings)

    @field_validator("title")
    @classmethod
    def _one_line(cls, value: str) -> str:
        if not value.isprintable() or "|" in value:
            raise ValueError("must be one line without |")
        return value

    def clashes(self) -> Iterator[Clash]:
        """One file describes one device."""
        if sum(getattr(self, name) is not None for name in _SECTIONS) != 1:
            yield Clash(f"must have exactly one of the sections {', '.join(_SECTIONS)}")


@dataclass(frozen=True)
class DeviceMapping:
    """One valid mapping file."""

    name: str  # the file's name without its ending, and the name of its source
    path: Path
    file: MappingFile

    @property
    def gesture(self) -> GestureSettings:
        """How this device's numbers become pad points."""
        return self.file.gesture


def shipped_mappings() -> list[Path]:
    """The mapping files that come with latentd, by name."""
    return sorted(resources.folder("mappings").glob("*.yaml"))


def schema() -> dict[str, Any]:
    """The JSON schema of mapping files, made from the models above. Editors read `mappings/mapping.schema.json`."""
    made = {"$schema": "https://json-schema.org/draft/2020-12/schema", **MappingFile.model_json_schema()}
    _name_types(made)
    return made


def _name_types(part: Any) -> None:
    """Add the type of every constant, which old pydantic releases leave out: all releases make the same schema."""
    if isinstance(part, dict):
        if "const" in part:
            part["type"] = "boolean" if isinstance(part["const"], bool) else "string"
        for inner in part.values():
            _name_types(inner)
    elif isinstance(part, list):
        for inner in part:
            _name_types(inner)


CONTROL = "latentd"  # the source that /latentd/xy moves
_MAX_LISTED = 8  # names in a message, in order, if none resembles the unknown one


def load_mapping(name_or_path: str) -> DeviceMapping:
    """A shipped mapping by its name (`touchosc-mk2`), or any file by its path.

    Raises:
        DocumentErrors: every mistake in the file.
        UserError: there is no such mapping.
    """
    path = Path(name_or_path)
    if is_name(name_or_path):
        known = {p.stem: p for p in shipped_mappings()}
        if name_or_path not in known:
            raise UserError(f"There is no mapping {name_or_path!r}", _suggestion(name_or_path, list(known)))
        path = known[name_or_path]
    file = parse_document(read_text(path), str(path), MappingFile, lambda _data: _own_name(path.stem))
    return DeviceMapping(path.stem, path, file)


def _own_name(name: str) -> Iterator[tuple[Keys, str]]:
    """A source has its mapping's name, and the control interface's source has one, too."""
    if name == CONTROL:
        yield (), f"the name {name} is reserved for latentd's control interface. Rename the file"


def load_mappings(names: Sequence[str]) -> list[DeviceMapping]:
    """All of these mappings, as `load_mapping` reads each.

    Raises:
        DocumentErrors: every mistake in all of the files, and mappings that share a name.
    """
    wrong = [mistake for _, mistake in alike(names)]
    found = []
    for name in names:
        try:
            found.append(load_mapping(name))
        except DocumentErrors as error:
            wrong += error.mistakes
        except LatentdError as error:
            wrong.append(str(error))
    if wrong:
        raise DocumentErrors(list(dict.fromkeys(wrong)))
    return found


def alike(names: Sequence[str]) -> Iterator[tuple[int, str]]:
    """Mappings that share the name of an earlier one: the place in `names`, and what to do. Reads no file.

    A mapping's name is that of its source: of two with one name, the last one's `gesture:` would apply to both.
    """
    first: dict[str, str] = {}
    for i, name in enumerate(names):
        other = first.setdefault(Path(name).stem, name)
        if name in names[:i]:
            yield i, f"{name}: listed twice. Remove one"
        elif other != name:
            yield i, f"{name}: {other} has the same name, {Path(name).stem!r}. Rename the file, or remove one"


def _suggestion(name: str, known: list[str]) -> str:
    """What the user may have meant: a file in the current folder, or shipped mappings with similar names."""
    here = [f"./{name}{ending}" for ending in (".yaml", ".yml") if Path(name + ending).is_file()]
    longer = [other for other in known if other.startswith(name)][:3]
    near = here or longer or difflib.get_close_matches(name, known, n=3)
    if near:
        return f"Did you mean {' or '.join(near)}?"
    some = ", ".join(sorted(known)[:_MAX_LISTED])
    return f"Choose one of {some} and {len(known) - _MAX_LISTED} more: see mappings/README.md"
