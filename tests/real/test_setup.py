"""The systemd units of the rig as `setup.sh install` writes them, checked by systemd itself."""

from __future__ import annotations

import contextlib
import os
import shutil
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.rig import need

pytestmark = pytest.mark.real
TOP = Path(__file__).resolve().parents[2]
NOTHING_MISSING = "need_packages() { :; }; need_latentd() { :; }"


def shell(script: str, checkout: Path, config: Path) -> subprocess.CompletedProcess[str]:
    """Run bash lines that may call the functions of the checkout's setup.sh."""
    env = os.environ | {"XDG_CONFIG_HOME": str(config), "XDG_RUNTIME_DIR": str(config)}
    env.pop("DBUS_SESSION_BUS_ADDRESS", None)  # it leads to the systemd of the user who runs the tests
    argv = ["bash", "-c", f"source ./setup.sh; {script}"]
    return subprocess.run(argv, cwd=checkout, env=env, capture_output=True, text=True, timeout=60, check=False)


@pytest.fixture(params=["latentd", "my 100% synth at $HOME"])
def checkout(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    """The parts of a checkout that the units need, also in a folder whose name systemd and the shell could misread."""
    top = tmp_path / str(request.param)
    shutil.copytree(TOP / "systemd", top / "systemd")
    shutil.copy(TOP / "setup.sh", top)
    program = top / ".venv" / "bin" / "latentd"
    program.parent.mkdir(parents=True)
    program.write_text("#!/bin/sh\n", encoding="utf-8")
    program.chmod(0o755)
    return top


def test_systemd_finds_no_fault_in_the_installed_units(checkout: Path, tmp_path: Path) -> None:
    need("systemd-analyze", "jackd", "amsynth")
    done = shell("write_units", checkout, tmp_path)
    assert done.returncode == 0, done.stderr
    units = sorted((tmp_path / "systemd" / "user").iterdir())
    assert [unit.name for unit in units] == [
        "latentd-amsynth.service", "latentd-jack.service", "latentd.service", "latentd.target",
    ]  # fmt: skip
    result = verify(units, tmp_path)
    assert (result.returncode, result.stdout + result.stderr) == (0, "")


def verify(units: list[Path], runtime: Path) -> subprocess.CompletedProcess[str]:
    argv = ["systemd-analyze", "--user", "verify", *map(str, units)]
    env = os.environ | {"XDG_RUNTIME_DIR": str(runtime)}
    return subprocess.run(argv, env=env, capture_output=True, text=True, timeout=60, check=False)


def test_systemd_does_find_a_unit_whose_program_is_missing(checkout: Path, tmp_path: Path) -> None:
    assert shell("write_units", checkout, tmp_path).returncode == 0
    (checkout / ".venv" / "bin" / "latentd").unlink()
    result = verify([tmp_path / "systemd" / "user" / "latentd.service"], tmp_path)
    assert "latentd" in result.stderr
    assert result.returncode != 0


def test_a_folder_that_systemd_refuses_is_refused_by_setup(checkout: Path, tmp_path: Path) -> None:
    moved = checkout.rename(tmp_path / "the synth's")
    done = shell("write_units", moved, tmp_path)
    assert done.returncode == 1
    assert "the synth's" in done.stderr
    assert not (tmp_path / "systemd").exists()


@pytest.mark.parametrize("pipewire", [False, True])
def test_settings_have_the_running_jack_and_are_written_once(checkout: Path, tmp_path: Path, pipewire: bool) -> None:
    python = checkout / ".venv" / "bin" / "python"
    python.write_text(f'#!/bin/sh\nPYTHONPATH="{TOP}" exec "{sys.executable}" "$@"\n', encoding="utf-8")
    python.chmod(0o755)
    with socket.socket(socket.AF_UNIX) as listener:
        if pipewire:
            need("pw-jack")
            with contextlib.chdir(tmp_path):  # a socket's path has to be short
                listener.bind("pipewire-0")
        done = shell("write_settings", checkout, tmp_path)
        assert done.returncode == 0, done.stderr
    settings = tmp_path / "latentd" / "rig.env"
    values = dict(
        line.split("=", 1) for line in settings.read_text(encoding="utf-8").splitlines() if line[:1].isupper()
    )
    assert values["LATENTD_JACK"] == ("pipewire" if pipewire else "jackd")
    assert ("LD_LIBRARY_PATH" in values) == pipewire
    assert values["JACKD_OPTIONS"].startswith("-R -P 70 -d ")
    settings.write_text("LATENTD_JACK=mine\n", encoding="utf-8")
    assert "Kept" in shell("write_settings", checkout, tmp_path).stdout
    assert settings.read_text(encoding="utf-8") == "LATENTD_JACK=mine\n"


@pytest.mark.parametrize("root", [True, False])
def test_install_as_root_warns_and_names_what_to_do_instead(checkout: Path, tmp_path: Path, root: bool) -> None:
    as_user = f"is_root() {{ {str(root).lower()}; }}; write_settings() {{ :; }}"
    done = shell(f"{NOTHING_MISSING}; {as_user}; install_rig", checkout, tmp_path)
    assert done.returncode == 0, done.stderr
    assert ("warning: running as root" in done.stderr) == root
    assert ("as that user and without sudo" in done.stderr) == root
    assert (tmp_path / "systemd" / "user" / "latentd.target").exists()


def test_uninstall_removes_every_unit(checkout: Path, tmp_path: Path) -> None:
    assert shell("write_units", checkout, tmp_path).returncode == 0
    done = shell("main uninstall", checkout, tmp_path)
    assert done.returncode == 0, done.stderr
    assert list((tmp_path / "systemd" / "user").iterdir()) == []


def test_an_unknown_command_shows_the_usage(tmp_path: Path) -> None:
    done = shell("main nonsense", TOP, tmp_path)
    assert done.returncode == 2
    assert done.stderr.startswith("setup.sh: no command nonsense\nUsage: ./setup.sh demo")


@pytest.mark.parametrize("command", ["test", "install", "uninstall"])
def test_the_help_of_a_command_and_a_wrong_argument_do_nothing(command: str, tmp_path: Path) -> None:
    helped = shell(f"main {command} --help", TOP, tmp_path)
    assert (helped.returncode, helped.stdout[:6]) == (0, "Usage:")
    wrong = shell(f"main {command} now", TOP, tmp_path)
    assert wrong.returncode == 2
    assert wrong.stderr.startswith(f"setup.sh: {command} takes no options: now\n")


def test_no_command_shows_the_usage_alone(tmp_path: Path) -> None:
    done = shell("main", TOP, tmp_path)
    assert (done.returncode, done.stderr[:6]) == (2, "Usage:")


def test_relative_paths_of_the_demo_start_in_the_users_folder(checkout: Path, tmp_path: Path) -> None:
    program = checkout / ".venv" / "bin" / "latentd"
    program.write_text('#!/bin/sh\necho "$PWD: $*"\n', encoding="utf-8")
    script = f'source "$1"; {NOTHING_MISSING}; demo --record x.wav'
    argv = ["bash", "-c", script, "bash", str(checkout / "setup.sh")]
    done = subprocess.run(argv, cwd=tmp_path, capture_output=True, text=True, timeout=60, check=False)
    assert done.stdout == f"{tmp_path}: demo --record x.wav\n", done.stderr
