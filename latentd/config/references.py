"""The files that a configuration refers to: mappings, a model, a controllers file. Does each exist, and is it valid?"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import Any

from latentd.config.config import Config, mapping_at, model_at
from latentd.errors import LatentdError
from latentd.inputs.mapping import alike, load_mapping
from latentd.instrument import midi_file
from latentd.model import bundle
from latentd.schema.documents import DocumentErrors
from latentd.schema.messages import Keys
from latentd.synth import midimap


def mistakes(data: Any, folder: Path) -> Iterator[tuple[Keys, str]]:
    """The mistakes of the files that a configuration in `folder` refers to: the key, and what is wrong.

    Args:
        data: the plain data of the configuration, of any type; missing keys have their defaults.
        folder: where relative paths start.
    """
    given: dict[str, Any] = data if isinstance(data, dict) else {}
    settings = Config().model_dump() | given
    yield from _in_mappings(settings["mappings"], folder)
    if isinstance(model := settings["model"], str):
        yield from ((("model",), what) for what in mistakes_of(partial(bundle.load, model_at(model, folder))))
    if (controllers := settings["controllers"]) and isinstance(controllers, str):
        path = folder / Path(controllers).expanduser()
        yield from ((("controllers",), what) for what in mistakes_of(partial(midimap.read_required, path)))
    notes = settings["notes"]
    if isinstance(notes, dict) and (song := notes.get("file")) and isinstance(song, str):
        path = folder / Path(song).expanduser()
        yield from ((("notes", "file"), what) for what in mistakes_of(partial(midi_file.load, path)))
    alsa = settings["alsa"]
    if settings["output"] == "alsa" and isinstance(alsa, dict) and alsa.get("out", "") == "":
        yield ("alsa", "out"), "is empty, and `output: alsa` needs it. `latentd ports` lists the ports"


def _in_mappings(names: Any, folder: Path) -> Iterator[tuple[Keys, str]]:
    """The mistakes of each mapping, by its place in the list."""
    listed: Sequence[Any] = names if isinstance(names, list) else []
    at = {i: mapping_at(name, folder) for i, name in enumerate(listed) if isinstance(name, str)}
    for i, name in at.items():
        yield from ((("mappings", i), what) for what in mistakes_of(partial(load_mapping, name)))
    for n, what in alike(list(at.values())):
        yield ("mappings", list(at)[n]), what


def mistakes_of(read: Callable[[], object]) -> list[str]:
    """The mistakes that reading a file reports, one line each; empty if the file is valid."""
    try:
        read()
    except DocumentErrors as error:
        return list(error.mistakes)
    except LatentdError as error:
        return [str(error)]
    return []
