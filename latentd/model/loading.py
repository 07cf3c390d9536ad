"""Models for the engine: a process of its own reads and checks the bundle and sends only what the engine plays.

Checking a bundle also needs its encoder, the sound of its pad and a library for tensors: 19 MB that would stay in the
engine's memory. And it blocks the interpreter far longer than a performance can wait.
"""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import sys
import traceback
from collections.abc import Callable
from typing import NoReturn

from latentd.errors import LatentdError, UserError
from latentd.model.playable import Playable, pack, unpack
from latentd.system.resources import python_environment

# A model loads within a second; a disk that hangs must not hold up for ever what waits behind it.
_LIMIT_S = 60.0


def begin(name: str) -> Callable[[], Playable]:
    """Start to read a model in a fork of this process, which must not have threads yet.

    The fork has the modules that are imported already, and reads while this process imports the others.

    Returns:
        A function that waits for the model and returns it, or raises as `load` does.
    """
    reading, writing = os.pipe()
    pid = os.fork()
    if pid == 0:
        os.close(reading)  # or a write would block, not fail, after the reader has ended
        _hand_over(name, writing)
    os.close(writing)

    def result() -> Playable:
        with os.fdopen(reading, "rb") as pipe:
            data = pipe.read()
        return _received(name, data, os.waitpid(pid, 0)[1])

    return result


def load(name: str) -> Playable:
    """Read a model in a new process: slower than `begin`, but a fork would block a daemon that plays.

    Raises:
        UserError: no such model.
        LatentdError: the model is damaged, or the process failed or took too long.
    """
    try:
        done = subprocess.run(
            [sys.executable, "-m", __name__, name],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            env=python_environment(),
            start_new_session=True,  # Ctrl-C reaches only the engine
            check=False,
            timeout=_LIMIT_S,
        )
    except subprocess.TimeoutExpired:
        raise LatentdError(f"{name}: not loaded within {_LIMIT_S:.0f} s", "Check the disk that it is on") from None
    return _received(name, done.stdout, done.returncode)


def _hand_over(name: str, fd: int) -> NoReturn:
    """What the fork does. It ends with `_exit`, because its open files belong to the other process."""
    code = 1
    try:
        with contextlib.suppress(BrokenPipeError), os.fdopen(fd, "wb") as pipe:  # broken: the reader has ended
            pipe.write(_answer(name))
        code = 0
    except Exception:
        traceback.print_exc()
    finally:
        os._exit(code)


def _answer(name: str) -> bytes:
    """The packed model, or the error as JSON."""
    from latentd.model import bundle  # only here: the engine must not import it

    try:
        return pack(bundle.load(name))
    except LatentdError as error:
        return json.dumps({"error": error.message, "hint": error.hint, "code": error.exit_code}).encode()


def _received(name: str, data: bytes, status: int) -> Playable:
    """The model in the answer of a process that ended with `status`."""
    if status != 0:
        raise LatentdError(f"the model {name} was not loaded: the process that reads it failed", "Try again")
    if b"\n" in data:
        return unpack(data)
    answer = json.loads(data)
    kind = UserError if answer["code"] == UserError.exit_code else LatentdError
    raise kind(answer["error"], answer["hint"])


if __name__ == "__main__":
    sys.stdout.buffer.write(_answer(sys.argv[1]))
