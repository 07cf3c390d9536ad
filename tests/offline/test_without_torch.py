"""The extra `render`: everything but training works where torch and numba are not installed."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

import latentd
from latentd.cli.requirements import _TRAINING
from latentd.synth import amsynth, banks

pytestmark = pytest.mark.offline

_WITHOUT = """
import sys

class Hidden:
    def find_spec(name, path=None, target=None):
        if name in ("torch", "numba"):
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)

sys.meta_path.insert(0, Hidden)
from latentd.cli import main
main()
"""


def run(folder: Path, *arguments: str) -> str:
    """What a command prints in a Python that has neither torch nor numba."""
    env = os.environ | {"XDG_CACHE_HOME": str(folder / "cache"), "XDG_DATA_HOME": str(folder / "data")}
    command = [sys.executable, "-c", _WITHOUT, *arguments]
    done = subprocess.run(command, cwd=folder, env=env, capture_output=True, text=True, check=False, timeout=300)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_rendering_describing_encoding_and_mapping_need_no_torch(tmp_path: Path) -> None:
    run(tmp_path, "render", "--points", "0.5,0.5", "--length", "1", "--out", "clips")
    (clip,) = (tmp_path / "clips").glob("*.wav")
    assert run(tmp_path, "timbre", str(clip))
    banks.write(tmp_path / "one.bank", banks.Bank((banks.Preset.from_patch("one", amsynth.DEFAULT),)))
    assert json.loads(run(tmp_path, "encode", "one.bank", "--by", "sound"))["name"] == "one"
    run(tmp_path, "map", "timbre", "--grid", "3", "--out", "map")
    assert list((tmp_path / "map").glob("*.png"))


def test_the_extras_hold_what_the_messages_say() -> None:
    project = tomllib.loads((Path(latentd.__file__).parents[1] / "pyproject.toml").read_text(encoding="utf-8"))
    extras = project["project"]["optional-dependencies"]
    assert {name.partition(">")[0] for name in extras["offline"]} == {"latentd[render]", *_TRAINING}
    assert not any(name.partition(">")[0] in _TRAINING for name in extras["render"])
