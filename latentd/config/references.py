"""What a configuration names besides itself: mappings, a model, a controllers file. Is all of it there and right?"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import Any

from latentd.config.config import Config, mapping_at, model_at
from latentd.errors import LatentdError
from latentd.inputs.mapping import alike, load_mapping
from latentd.model import bundle
from latentd.schema.documents import DocumentErrors
from latentd.schema.messages import Keys
from latentd.synth import midimap


def mistakes(data: Any, folder: Path) -> Iterator[tuple[Keys, str]]:
    """Those of what a configuration in `folder` names, whatever else is wrong with it: the key, and what is wrong.

    Args:
        data: the plain data of the configuration, of whatever kind they are; keys that are left out have the defaults.
        folder: where relative paths start.
    """
    given: dict[str, Any] = data if isinstance(data, dict) else {}
    named = Config().model_dump() | given
    yield from _in_mappings(named["mappings"], folder)
    if isinstance(model := named["model"], str):
        yield from ((("model",), fault) for fault in faults(partial(bundle.load, model_at(model, folder))))
    if (controllers := named["controllers"]) and isinstance(controllers, str):
        path = folder / Path(controllers).expanduser()
        yield from ((("controllers",), fault) for fault in faults(partial(midimap.named, path)))
    alsa = named["alsa"]
    if named["output"] == "alsa" and isinstance(alsa, dict) and alsa.get("out", "") == "":
        yield ("alsa", "out"), "is empty, and `output: alsa` needs it. `latentd ports` lists the names of ports"


def _in_mappings(names: Any, folder: Path) -> Iterator[tuple[Keys, str]]:
    """What is wrong with each, by its place in the list."""
    listed: Sequence[Any] = names if isinstance(names, list) else []
    at = {i: mapping_at(name, folder) for i, name in enumerate(listed) if isinstance(name, str)}
    for i, name in at.items():
        yield from ((("mappings", i), fault) for fault in faults(partial(load_mapping, name)))
    for n, fault in alike(list(at.values())):
        yield ("mappings", list(at)[n]), fault


def faults(read: Callable[[], object]) -> list[str]:
    """What reading something finds wrong, one line each; empty where it can be read."""
    try:
        read()
    except DocumentErrors as error:
        return list(error.faults)
    except LatentdError as error:
        return [str(error)]
    return []
