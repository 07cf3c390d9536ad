"""What the running engine does not hold: what is needed only for a moment, or by other commands."""

from __future__ import annotations

import json
from pathlib import Path

from tests.support.daemon import latentd
from tests.support.rig import wait_for

# The command `latentd`, which notes at its end what it has imported.
NOTE_IMPORTS = """
import atexit, json, pathlib, sys
atexit.register(lambda: pathlib.Path({path!r}).write_text(json.dumps(sorted(sys.modules))))
from latentd.cli import main
main()
"""
# Bundles are read in processes of their own; the offline half and what is shown on a terminal are for other commands.
NOT_HELD = {
    "safetensors",
    "latentd.model.bundle",
    "latentd.config.references",
    "latentd.inputs.trace",
    "latentd.demo",
    "latentd.offline",
    "rich",
    "asyncio",
    "multiprocessing",
}


def test_an_engine_that_has_played_and_changed_its_model_holds_nothing_that_it_is_spared(tmp_path: Path) -> None:
    noted = tmp_path / "modules.json"
    with latentd("--output", "print", start=False) as daemon:
        at = daemon.argv.index("-m")
        daemon.argv[at : at + 2] = ["-c", NOTE_IMPORTS.format(path=str(noted))]
        daemon.start()
        daemon.send("/xy", 0.25, 0.75)
        daemon.send("/latentd/model", "paper")
        wait_for(lambda: daemon.status()["model"] == "paper", "the model")
        daemon.settle()
        assert daemon.end() == 0
    modules = set(json.loads(noted.read_text()))
    assert {"numpy", "latentd.daemon.engine", "latentd.model.playable"} <= modules
    assert NOT_HELD & modules == set()
