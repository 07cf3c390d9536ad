"""Work done by the workers of a dask scheduler instead of by processes here, with the same results to the bit.

    run --task--> scheduler --> a dask worker: `errand.run` --task--> a process of `workers` --result--> back

A dask worker that dies loses nothing: dask gives its tasks to others, up to four times.
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
_NO_WORKER_S = 60.0  # in the midst of work: a dask worker that starts again takes seconds
_LOOK_S = 1.0
_INSTALL = "Install the same there as here: pip install 'latentd[cluster]'"


@contextmanager
def connected(address: str) -> Iterator[Cluster]:
    """The scheduler that listens at `tcp://HOST:PORT` and its workers, each seen to be fit.

    Raises:
        UserError: that is no address.
        LatentdError: nobody listens there, there are no workers, or one is not fit.
    """
    try:
        import distributed
        from distributed.versions import VersionMismatchWarning
    except ImportError as error:
        raise LatentdError("--dask needs distributed", resources.install_offline("cluster")) from error
    _check(address)
    # What goes wrong is told once, as an error.
    for name in ("distributed", "distributed.client"):
        logging.getLogger(name).setLevel(logging.CRITICAL)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", VersionMismatchWarning)
        try:
            asyncio.run(_knock(address))
            client = distributed.Client(address, timeout=_CONNECT_S, set_as_default=False, name="latentd")
        except (OSError, ImportError) as error:
            raise LatentdError(f"No dask scheduler answers at {address}", "Start it there: dask scheduler") from error
    try:
        yield Cluster(client, address)
    finally:
        # With its client gone the scheduler drops what has not begun.
        with suppress(TimeoutError, OSError):
            client.close(timeout=_CONNECT_S)


async def _knock(address: str) -> None:
    """Shake hands once. `Client` would wait for ever for the handshake of something that is no dask scheduler."""
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
        raise UserError(f"--dask: found {address!r}", "Write the scheduler's address like tcp://HOST:8786") from error


class Cluster:
    """A scheduler and its workers.

    Attributes:
        synth: the fingerprint of the workers' amSynth, the same on all.
    """

    def __init__(self, client: Any, address: str) -> None:
        self._client, self._address = client, address
        self._places = 0
        self._looked = time.monotonic()
        self._alone: float | None = None  # since when there are no workers
        self._kit = self._seen_kit()
        self.synth = self._kit.synth

    def run(self, make: Callable[[], Work], tasks: Iterable[Any]) -> Generator[Any, None, None]:
        """What `make()(task)` gives for each task, in the tasks' order; a `Failed` stands where there is no result.

        `make` must be importable on the workers, tasks and results picklable. Tasks are taken only as fast as results.

        Raises:
            LatentdError: the scheduler is lost, there are no workers any more, or one is not fit.
        """
        source = enumerate(tasks)
        waiting: deque[tuple[int, Any]] = deque()
        while True:
            self._look()
            for number, task in islice(source, max(self._places * AHEAD - len(waiting), 0)):
                # Keys that start alike are one group to the scheduler, which it hands out one by one.
                future = self._client.submit(dask_task.run, make, number, task, self._kit, pure=False)
                waiting.append((number, future))
            if not waiting:
                return
            yield self._result(*waiting.popleft())

    def _result(self, number: int, future: Any) -> Any:
        from distributed import KilledWorker

        while not self._ready(future):
            self._look()
        try:
            return future.result()
        except CancelledError as error:
            raise self._gone() from error
        except KilledWorker as error:
            last = error.last_worker.address
            return Failed(f"Task {number + 1} ended {error.allowed_failures + 1} dask workers, the last was {last}")
        except Exception as error:
            self._seen_kit()  # names a worker that came later and is not fit
            raise LatentdError(f"A worker of {self._address} failed: {error}", _INSTALL) from error

    @staticmethod
    def _ready(future: Any) -> bool:
        """Wait a second for it."""
        try:
            future.exception(timeout=_LOOK_S)
        except TimeoutError:
            return False
        return True

    def _look(self) -> None:
        """Once a second: how many tasks can be worked on at a time?

        Raises:
            LatentdError: none for a minute, or the scheduler is lost.
        """
        if self._client.status == "closed":  # it has given up to find the scheduler again
            raise self._gone()
        now = time.monotonic()
        if self._places and now - self._looked < _LOOK_S:
            return
        with suppress(OSError):  # a lost scheduler shows in the futures
            self._places = sum(self._client.nthreads().values())
        self._looked = time.monotonic()
        if self._places:
            self._alone = None
            return
        self._places = 1  # a task has to wait for the worker that is to come
        self._alone = self._alone or self._looked
        if self._looked - self._alone > _NO_WORKER_S:
            raise self._nobody()

    def _nobody(self) -> LatentdError:
        address = self._address
        return LatentdError(f"The dask scheduler at {address} has no workers", f"Start some: dask worker {address}")

    def _gone(self) -> LatentdError:
        hint = "Start it and its workers, then this command again"
        return LatentdError(f"The dask scheduler at {self._address} is gone", hint)

    def _seen_kit(self) -> Environment:
        """What all workers have.

        Raises:
            LatentdError: there are none, or one that has not; it is named. Or the scheduler is lost.
        """
        try:
            return self._common_kit()
        except OSError as error:
            raise self._gone() from error

    def _common_kit(self) -> Environment:
        try:
            self._client.wait_for_workers(1, timeout=_FIRST_WORKER_S)
        except TimeoutError as error:
            raise self._nobody() from error
        self._check_scheduler()
        common: Environment | None = None
        for worker, found in sorted(self._client.run(dask_task.environment, on_error="return").items()):
            if isinstance(found, OSError):
                continue  # it has just gone
            if isinstance(found, LatentdError):
                raise IncompatibleWorker(
                    f"The dask worker {worker} is not fit: {found.message}", f"There: {found.hint}"
                ) from found
            if isinstance(found, Exception):
                raise IncompatibleWorker(f"The dask worker {worker} cannot run latentd: {found}", _INSTALL) from found
            common = common or Environment(dask_task.versions(), found.synth)
            _compare(f"The dask worker {worker}", found, common)
        if common is None:
            raise self._nobody()
        return common

    def _check_scheduler(self) -> None:
        """It reads what it passes on."""
        try:
            self._client.run_on_scheduler(dask_task.versions)
        except OSError:
            raise
        except Exception as error:
            raise IncompatibleWorker(
                f"The dask scheduler at {self._address} cannot run latentd: {error}", _INSTALL
            ) from error


def _compare(who: str, found: Environment, wanted: Environment) -> None:
    """Raise `IncompatibleWorker` for the first difference."""
    for name, version in wanted.versions.items():
        theirs = found.versions[name]
        if theirs != version:
            raise IncompatibleWorker(f"{who} has {name} {theirs or 'not'}, here is {version or 'none'}", _INSTALL)
    if found.synth != wanted.synth:
        raise IncompatibleWorker(
            f"{who} has another amSynth than the others", "Install the same amsynth package on all"
        )
