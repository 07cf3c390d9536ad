"""Runs tasks on the workers of a dask scheduler instead of local processes, with the same results, bit for bit.

    run --task--> scheduler --> a dask worker: `dask_task.run` --task--> a process of `workers` --result--> back

If a dask worker dies, dask gives its tasks to others, up to four times.
"""

from __future__ import annotations

import asyncio
import logging
import time
import warnings
from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator
from concurrent.futures import CancelledError
from contextlib import contextmanager, suppress
from itertools import islice
from typing import Any

from latentd.errors import LatentdError, UserError
from latentd.offline.render import dask_task
from latentd.offline.render.dask_task import Environment, IncompatibleWorker
from latentd.offline.render.workers import AHEAD, Failed, Work
from latentd.system import resources

_CONNECT_S = 5.0
_FIRST_WORKER_S = 10.0
_NO_WORKER_S = 60.0  # during the work: a dask worker takes seconds to restart
_POLL_S = 1.0
_INSTALL = "Install the same version there: pip install 'latentd[cluster]'"


@contextmanager
def connected(address: str) -> Iterator[Cluster]:
    """The scheduler at `tcp://HOST:PORT`, after a check of its workers.

    Raises:
        UserError: an invalid address.
        LatentdError: no scheduler answers, it has no workers, or one of them is incompatible.
    """
    try:
        import distributed
        from distributed.versions import VersionMismatchWarning
    except ImportError as error:
        raise LatentdError("--dask needs distributed", resources.install("cluster")) from error
    _check(address)
    # Problems are reported once, as an error of ours. tornado reports a callback of distributed that fails when Ctrl-C
    # comes between the start of a request and its first step.
    for name in ("distributed", "distributed.client", "tornado.application"):
        logging.getLogger(name).setLevel(logging.CRITICAL)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", VersionMismatchWarning)
        try:
            asyncio.run(_handshake(address))
            client = distributed.Client(address, timeout=_CONNECT_S, set_as_default=False, name="latentd")
        except (OSError, ImportError) as error:
            raise LatentdError(f"No dask scheduler answers at {address}", "Start it there: dask scheduler") from error
    try:
        yield Cluster(client, address)
    finally:
        # The scheduler drops tasks that have not begun when their client is gone.
        with suppress(TimeoutError, OSError):
            client.close(timeout=_CONNECT_S)


async def _handshake(address: str) -> None:
    """Do one handshake with a timeout: `Client` would wait forever for a server that is not a dask scheduler."""
    from distributed import Security
    from distributed.comm.core import connect

    security = Security().get_connection_args("client")
    comm = await asyncio.wait_for(connect(address, timeout=_CONNECT_S, **security), _CONNECT_S)
    await comm.close()


def _check(address: str) -> None:
    from distributed.comm.addressing import get_address_host_port

    try:
        get_address_host_port(address, strict=True)
    except (ValueError, NotImplementedError) as error:
        raise UserError(f"--dask: found {address!r}", "Write the scheduler's address as tcp://HOST:8786") from error


class Cluster:
    """A scheduler and its workers.

    Attributes:
        synth: the fingerprint of amSynth on all workers.
    """

    def __init__(self, client: Any, address: str) -> None:
        self._client, self._address = client, address
        self._slots = 0
        self._polled = time.monotonic()
        self._no_workers_since: float | None = None
        self._environment = self._checked_environment()
        self.synth = self._environment.synth

    def run(self, make: Callable[[], Work], tasks: Iterable[Any]) -> Generator[Any, None, None]:
        """The result of `make()(task)` for each task, in order, or a `Failed`.

        `make` must be importable on the workers, tasks and results picklable. Tasks are taken only as fast as results
        are.

        Raises:
            LatentdError: the scheduler is lost, it has no workers any more, or one of them is incompatible.
        """
        source = enumerate(tasks)
        waiting: deque[tuple[int, Any]] = deque()
        while True:
            self._poll()
            for number, task in islice(source, max(self._slots * AHEAD - len(waiting), 0)):
                # The scheduler assigns tasks one by one if their keys have the same prefix.
                future = self._client.submit(dask_task.run, make, number, task, self._environment, pure=False)
                waiting.append((number, future))
            if not waiting:
                return
            yield self._result(*waiting.popleft())

    def _result(self, number: int, future: Any) -> Any:
        from distributed import KilledWorker

        while not self._ready(future):
            self._poll()
        try:
            return future.result()
        except CancelledError as error:
            raise self._lost() from error
        except KilledWorker as error:
            last = error.last_worker.address
            return Failed(f"Task {number + 1} crashed {error.allowed_failures + 1} dask workers, the last was {last}")
        except Exception as error:
            self._checked_environment()  # names an incompatible worker that joined later
            raise LatentdError(f"A worker of {self._address} failed: {error}", _INSTALL) from error

    @staticmethod
    def _ready(future: Any) -> bool:
        """Wait a second for a task; True when it is done."""
        try:
            future.exception(timeout=_POLL_S)
        except TimeoutError:
            return False
        return True

    def _poll(self) -> None:
        """Once a second, ask how many tasks the workers can run at a time.

        Raises:
            LatentdError: no workers for a minute, or the scheduler is lost.
        """
        if self._client.status == "closed":  # it could not reconnect
            raise self._lost()
        now = time.monotonic()
        if self._slots and now - self._polled < _POLL_S:
            return
        with suppress(OSError):  # the futures report a lost scheduler
            self._slots = sum(self._client.nthreads().values())
        self._polled = time.monotonic()
        if self._slots:
            self._no_workers_since = None
            return
        self._slots = 1  # one task waits for the next worker
        self._no_workers_since = self._no_workers_since or self._polled
        if self._polled - self._no_workers_since > _NO_WORKER_S:
            raise self._no_workers()

    def _no_workers(self) -> LatentdError:
        address = self._address
        return LatentdError(f"The dask scheduler at {address} has no workers", f"Start some: dask worker {address}")

    def _lost(self) -> LatentdError:
        hint = "Start it and its workers, then run this command again"
        return LatentdError(f"The connection to the dask scheduler at {self._address} is lost", hint)

    def _checked_environment(self) -> Environment:
        """The environment of all workers.

        Raises:
            LatentdError: there are no workers, one of them differs, or the scheduler is lost.
        """
        try:
            return self._common_environment()
        except OSError as error:
            raise self._lost() from error

    def _common_environment(self) -> Environment:
        try:
            self._client.wait_for_workers(1, timeout=_FIRST_WORKER_S)
        except TimeoutError as error:
            raise self._no_workers() from error
        self._check_scheduler()
        common: Environment | None = None
        for worker, found in sorted(self._client.run(dask_task.environment, on_error="return").items()):
            if isinstance(found, OSError):
                continue  # it has just left
            if isinstance(found, LatentdError):
                raise IncompatibleWorker(
                    f"The dask worker {worker} cannot render: {found.message}", f"On that machine: {found.hint}"
                ) from found
            if isinstance(found, Exception):
                raise IncompatibleWorker(f"The dask worker {worker} cannot run latentd: {found}", _INSTALL) from found
            common = common or Environment(dask_task.versions(), found.synth)
            _compare(f"The dask worker {worker}", found, common)
        if common is None:
            raise self._no_workers()
        return common

    def _check_scheduler(self) -> None:
        """Check that it can import latentd: it deserialises the tasks."""
        try:
            self._client.run_on_scheduler(dask_task.versions)
        except OSError:
            raise
        except Exception as error:
            raise IncompatibleWorker(
                f"The dask scheduler at {self._address} cannot run latentd: {error}", _INSTALL
            ) from error


def _compare(who: str, found: Environment, wanted: Environment) -> None:
    """Raise an `IncompatibleWorker` for the first difference."""
    for name, version in wanted.versions.items():
        theirs = found.versions[name]
        if theirs != version:
            raise IncompatibleWorker(
                f"{who} has {name} {theirs or 'not installed'}, this machine has {version or 'none'}", _INSTALL
            )
    if found.synth != wanted.synth:
        raise IncompatibleWorker(f"{who} has a different amSynth", "Install the same amsynth package on all machines")
