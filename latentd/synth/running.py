"""The amSynths that run on this machine, by their command lines in /proc."""

from __future__ import annotations

import contextlib
import getopt
from collections.abc import Iterator, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import NamedTuple

from latentd.synth.amsynth_config import number

_PROC = Path("/proc")
# As amSynth 1.13.2 gives them to getopt_long (read in the program). Its long options matter to nobody here.
_OPTIONS = "vhsdzxm:c:a:r:p:b:U:P:n:t:"


class RunningSynth(NamedTuple):
    """One amSynth."""

    pid: int
    client: str  # name of its JACK client
    midi_channel: int | None  # as its option `-c` sets it (see `AmsynthConfig`); None: without that option
    environ: Mapping[str, str] = MappingProxyType({})  # in which it looks for its config file; empty: not readable


def running(proc: Path = _PROC) -> Iterator[RunningSynth]:
    """Every amSynth that runs now. Reads one small file of each process on the machine."""
    for folder in proc.iterdir():
        if not folder.name.isdecimal():
            continue
        with contextlib.suppress(OSError):  # it has ended
            argv = (folder / "cmdline").read_bytes().decode(errors="replace").split("\0")[:-1]
            if argv and Path(argv[0]).name == "amsynth":
                yield _from(int(folder.name), argv[1:], _environ(folder))


def _environ(folder: Path) -> dict[str, str]:
    """The folders that a process has in its environment; none of another user's process."""
    with contextlib.suppress(OSError):
        variables = (folder / "environ").read_bytes().decode(errors="surrogateescape").split("\0")
        pairs = (variable.partition("=") for variable in variables)
        return {name: value for name, _, value in pairs if name in ("HOME", "XDG_CONFIG_HOME")}
    return {}


def _from(pid: int, arguments: list[str], environ: dict[str, str]) -> RunningSynth:
    short = [argument for argument in arguments if not argument.startswith("--")]
    try:
        options = dict(getopt.gnu_getopt(short, _OPTIONS)[0])  # of two the last counts
    except getopt.GetoptError:
        options = {}
    text = options.get("-c")
    return RunningSynth(pid, options.get("-n", "amsynth"), None if text is None else number(text.encode()), environ)
