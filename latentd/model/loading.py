"""Models for the engine: read and checked in a process of their own, which hands over what plays and nothing else.

Checking a bundle takes its other network, what its pad sounds like and a library that reads tensors: 19 MB that would
stay in the engine's memory. It also holds the interpreter far longer than a performance can wait.
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


def begin(name: str) -> Callable[[], Playable]:
    """Start to read a model in a copy of this process, which must not have any threads yet.

    The copy need not import again what is imported already, and reads while this process imports the rest.

    Returns:
        What waits for the model and gives it, or raises as `load` does.
    """
    reading, writing = os.pipe()
    pid = os.fork()
    if pid == 0:
        os.close(reading)  # else it would wait for itself to read, once nobody does
        _hand_over(name, writing)
    os.close(writing)

    def result() -> Playable:
        with os.fdopen(reading, "rb") as pipe:
            data = pipe.read()
        return _received(name, data, os.waitpid(pid, 0)[1])

    return result


def load(name: str) -> Playable:
    """Read a model in a new process, which takes a moment: for a daemon that plays, which copying would hold up.

    Raises:
        UserError: no such model.
        LatentdError: the model is damaged, or its process ended.
    """
    done = subprocess.run(
        [sys.executable, "-m", __name__, name],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        env=python_environment(),
        start_new_session=True,  # Ctrl-C is for the engine
        check=False,
    )
    return _received(name, done.stdout, done.returncode)


def _hand_over(name: str, fd: int) -> NoReturn:
    """All that the copy does. It leaves by the shortest way: what it has open is the other process's to close."""
    code = 1
    try:
        with contextlib.suppress(BrokenPipeError), os.fdopen(fd, "wb") as pipe:  # broken: nobody waits any more
            pipe.write(_answer(name))
        code = 0
    except Exception:
        traceback.print_exc()
    finally:
        os._exit(code)


def _answer(name: str) -> bytes:
    """The model, or what is wrong with it."""
    from latentd.model import bundle  # only here: the engine does without it and all that it imports

    try:
        return pack(bundle.load(name))
    except LatentdError as error:
        return json.dumps({"error": error.message, "hint": error.hint, "code": error.exit_code}).encode()


def _received(name: str, data: bytes, status: int) -> Playable:
    """What a process answered that ended with `status`."""
    if status != 0:
        raise LatentdError(f"The model {name} was not loaded: the process that reads it has failed", "Try again")
    if b"\n" in data:
        return unpack(data)
    answer = json.loads(data)
    kind = UserError if answer["code"] == UserError.exit_code else LatentdError
    raise kind(answer["error"], answer["hint"])


if __name__ == "__main__":
    sys.stdout.buffer.write(_answer(sys.argv[1]))
