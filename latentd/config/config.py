"""The configuration: a complete file of defaults that documents every key, the user's file, and --set on top."""

from __future__ import annotations

import difflib
import ipaddress
import os
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from importlib import resources
from pathlib import Path
from typing import Annotated, Any, Literal

import yaml
from pydantic import AfterValidator, Field, WrapValidator, field_validator

from latentd.errors import UserError
from latentd.instrument.note_player import NotesSettings
from latentd.instrument.shaping import LimitSettings, ShapingSettings
from latentd.osc.address import split_address
from latentd.schema import scalars
from latentd.schema.documents import DocumentErrors, Strict, check_document, parse_document, read_text
from latentd.schema.messages import Clash, Keys
from latentd.system.resources import is_name

OutputName = Literal["auto", "osc", "jack", "alsa", "print"]


def _network(text: str) -> str:
    try:
        ipaddress.ip_network(text, strict=False)
    except ValueError:
        raise ValueError("not a network such as 192.168.1.0/24") from None
    return text


def _pattern(text: str) -> str:
    try:
        re.compile(text)
    except re.error as error:
        raise ValueError(f"not a regular expression ({error}); write \\( and \\) for brackets in a name") from None
    return text


def _part(text: str) -> str:
    _pattern(f"x|{text}")  # alsa.matcher looks for it as plain text, too
    return text


def _no_blank(text: str) -> str:
    if not text.strip():
        raise ValueError("is empty; `latentd ports` lists the ports")
    return text


JackPattern = Annotated[str, AfterValidator(_pattern)]
AlsaPattern = Annotated[JackPattern, AfterValidator(_part)]
MidiChannel = Annotated[int, Field(ge=1, le=16)]
_CHANNEL = "MIDI channel to play on; null: amSynth's own"


class JackSettings(Strict):
    """The `jack:` section."""

    client: str = Field(default="latentd", min_length=1, max_length=60, description="name of the JACK client")
    playback: JackPattern = Field(default="amsynth:midi_in", description="port that latentd:midi_out connects to")
    sources: list[JackPattern] = Field(
        default_factory=list, description="ports to connect to latentd:midi_in, as patterns"
    )
    keyboards: list[JackPattern] = Field(
        default_factory=list, description="ports to connect to the synth's port, as patterns"
    )
    channel: MidiChannel | None = Field(default=None, description=_CHANNEL)


class AlsaSettings(Strict):
    """The `alsa:` section."""

    out: AlsaPattern = Field(default="", description="part of the name of the ALSA port to play into")
    inputs: list[Annotated[AlsaPattern, AfterValidator(_no_blank)]] = Field(
        default_factory=list, description="parts of the names of ALSA ports to listen to"
    )
    channel: MidiChannel | None = Field(default=None, description=_CHANNEL)


def _home(value: object) -> object:
    if value is None or (isinstance(value, str) and value.strip()):
        return value
    if isinstance(value, list) and len(value) == 2 and all(type(v) in (int, float) and 0 <= v <= 1 for v in value):
        return [float(v) for v in value]
    raise ValueError("must be a landmark's name, or a point from [0, 0] to [1, 1]")


Home = Annotated[str | list[float] | None, WrapValidator(lambda value, _: _home(value))]


class IdleSettings(Strict):
    """The `idle:` section."""

    after_s: float = Field(default=60.0, gt=0.0, le=1e6, description="seconds without any input")
    then: Literal["stay", "home", "wander"] = Field(default="stay", description="what the point does then")


class Config(Strict):
    """Every setting. latentd/config/defaults.yaml explains each key."""

    listen: str = "127.0.0.1:8000"
    allow: list[Annotated[str, AfterValidator(_network)]] = Field(default_factory=list)
    feedback_port: int = Field(default=9000, ge=1, le=65535)
    model: str = "timbre"
    mappings: list[str] = Field(default_factory=lambda: ["xy", "touchosc-mk2", "tuio"])
    output: OutputName = "auto"
    controllers: str = ""
    state: str = ""
    jack: JackSettings = Field(default_factory=JackSettings)
    alsa: AlsaSettings = Field(default_factory=AlsaSettings)
    shaping: ShapingSettings = Field(default_factory=ShapingSettings)
    limits: LimitSettings = Field(default_factory=dict)
    home: Home = None
    idle: IdleSettings = Field(default_factory=IdleSettings)
    notes: NotesSettings = Field(default_factory=NotesSettings)

    def clashes(self) -> Iterator[Clash]:
        """Going home needs one."""
        if self.idle.then == "home" and self.home is None:
            yield Clash("`idle: {then: home}` needs `home:`, a landmark or [x, y]", ("idle.then", "home"))

    @field_validator("listen")
    @classmethod
    def _address(cls, value: str) -> str:
        split_address(value)
        return value

    @property
    def address(self) -> tuple[str, int]:
        """Host and UDP port to listen on."""
        return split_address(self.listen)

    @property
    def state_folder(self) -> Path:
        """The folder of landmarks, saved patches and the synth's remembered address."""
        if self.state:
            return Path(self.state).expanduser()
        base = os.environ.get("XDG_STATE_HOME") or "~/.local/state"
        return Path(base).expanduser() / "latentd"


def default_file() -> str:
    """The text of the complete configuration with every default and its explanation."""
    return resources.files("latentd.config").joinpath("defaults.yaml").read_text(encoding="utf-8")


def user_file() -> Path:
    """The configuration that is used if no other is given."""
    base = os.environ.get("XDG_CONFIG_HOME") or "~/.config"
    return Path(base).expanduser() / "latentd" / "config.yaml"


def found_file() -> Path | None:
    """The user's own configuration, if there is one."""
    return user_file() if user_file().exists() else None


# Finds further mistakes in the plain data of a configuration in a folder: the place of each, and what is wrong.
LookIn = Callable[[Any, Path], Iterable[tuple[Keys, str]]]


def load_config(path: Path | None, settings: Sequence[str] = (), look: LookIn | None = None, **options: Any) -> Config:
    """Defaults, then the file (`path`, otherwise the user's own if there is one), then `key.path=value`, then options.

    Relative paths in the file start from its folder, all others from the current one; the result has absolute paths.
    Mistakes that `look` finds are listed with the others.

    Raises:
        DocumentErrors: every mistake of the file, the settings and the options.
        UserError: the file cannot be read.
    """
    wrong: list[str] = []
    config = Config()
    data: dict[str, Any] = {}
    path = path or found_file()
    extra = {key: value for key, value in options.items() if value not in (None, (), [])}
    given = {*extra, *(re.split("[.=]", setting, maxsplit=1)[0] for setting in settings)}
    if path is not None:
        try:
            config, data = _from_file(path, _only(look, lambda key: key not in given))
        except DocumentErrors as error:
            wrong += error.mistakes
    for setting in settings:
        try:
            _set(data, setting)
        except UserError as error:
            wrong.append(str(error))
    if given:
        here = _only(look, lambda key: key in given)
        try:
            given_data = scalars.represent(data | extra)
            config = check_document(given_data, "options", Config, lambda data: here(data, Path.cwd()))
            config = _anchored(config, Path.cwd())
        except DocumentErrors as error:  # the file alone is valid, or was left out
            wrong += [_as_option(line, extra) for line in error.mistakes]
    if wrong:
        raise DocumentErrors(wrong)
    return config


def _only(look: LookIn | None, wanted: Callable[[str | int], bool]) -> LookIn:
    """The mistakes that `look` finds below the wanted keys."""

    def narrowed(data: Any, folder: Path) -> Iterator[tuple[Keys, str]]:
        if look is not None:
            yield from ((at, what) for at, what in look(data, folder) if wanted(at[0]))

    return narrowed


def _from_file(path: Path, look: LookIn) -> tuple[Config, dict[str, Any]]:
    """The configuration in a file, and its plain data, both with absolute paths."""
    text = read_text(path)
    folder = path.absolute().parent.resolve()
    config = _anchored(parse_document(text, str(path), Config, lambda data: look(data, folder)), folder)
    node = scalars.compose(text)
    data: dict[str, Any] = (node and scalars.construct(node)) or {}
    absolute = {key: getattr(config, key) for key in _PATHS if key in data}
    if isinstance(notes := data.get("notes"), dict) and "file" in notes:
        absolute["notes"] = notes | {"file": config.notes.file}
    return config, data | absolute


_PATHS = ("mappings", "model", "controllers", "state")


def _anchored(config: Config, folder: Path) -> Config:
    """The same with absolute paths; names of models and mappings stay names."""

    def absolute(path: str) -> str:
        return str(folder / Path(path).expanduser())

    notes = config.notes
    return config.model_copy(
        update={
            "notes": notes.model_copy(update={"file": notes.file and absolute(notes.file)}),
            "mappings": [mapping_at(name, folder) for name in config.mappings],
            "model": model_at(config.model, folder),
            "controllers": config.controllers and absolute(config.controllers),
            "state": config.state and absolute(config.state),
        }
    )


def mapping_at(text: str, folder: Path) -> str:
    """A mapping in a file in `folder`: its name, or its absolute path."""
    return text if is_name(text) else str(folder / Path(text).expanduser())


def model_at(text: str, folder: Path) -> str:
    """A model in a file in `folder`: its name, or its absolute path."""
    return str(folder / Path(text).expanduser()) if "/" in text or text in (".", "..") else text


def _as_option(line: str, options: Mapping[str, Any]) -> str:
    """`options:3: listen: …` as the user typed it: `--listen: …`, otherwise `--set KEY: …`."""
    what = line.split(": ", 1)[1]
    if what.startswith("the file: "):  # about several keys
        return what.removeprefix("the file: ")
    key = re.split(r"[.\[:]", what, maxsplit=1)[0]
    if key not in options:
        return f"--set {what}"
    return f"--{key.removesuffix('s') if key == 'mappings' else key}{what[len(key) :]}"


def _set(data: dict[str, Any], setting: str) -> None:
    path, equals, value = setting.partition("=")
    if not equals or not path:
        raise UserError(f"--set {setting!r} is not KEY=VALUE", "For example --set shaping.timbre_s=0.2")
    *folders, key = path.split(".")
    section = data
    for depth, folder in enumerate(folders):
        if depth == 0 and folder not in Config.model_fields:  # keys inside a section are checked with all the others
            near = difflib.get_close_matches(folder, Config.model_fields, n=1)
            raise UserError(f"--set {setting!r}: no section {folder!r}", f"Did you mean {near[0]!r}?" if near else "")
        section = section.setdefault(folder, {})
        if not isinstance(section, dict):
            raise UserError(f"--set {setting!r}: {folder!r} holds a value, not keys", "Set it as a whole")
    try:
        node = scalars.compose(value)
        # As a node, so that messages show what was typed. A map may get further keys from other settings.
        section[key] = scalars.construct(node) if isinstance(node, yaml.MappingNode) else node
    except (yaml.YAMLError, ValueError) as error:
        raise UserError(f"--set {setting!r}: the value is not valid YAML", "Quote it") from error
