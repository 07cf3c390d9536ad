"""Rendering by the workers of a dask scheduler: the same bit for bit, through crashes; and the messages."""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner
from distributed import Client

import latentd
from latentd.cli import cli
from latentd.errors import LatentdError, UserError
from latentd.offline.render import dask_cluster, dask_task, workers
from latentd.offline.render import synths as render_module
from latentd.offline.render.clip_spec import ClipSpec
from latentd.offline.render.pool import open_pool, render
from latentd.offline.timbre.measure import measure
from latentd.synth import amsynth, banks
from tests.offline.render.test_interrupt import interrupted, start
from tests.offline.render.test_render import children, crashing, patches
from tests.support.rig import Program, wait_for

pytestmark = pytest.mark.offline

SHORT = ClipSpec(length_s=0.5)
ROOT = Path(latentd.__file__).parents[1]
# Code that a worker runs first, so that it lacks something.
NO_LATENTD = "import sys\nsys.modules['latentd'] = None\n"
NO_AMSYNTH = "from pathlib import Path\nfrom latentd.offline.render import vst\nvst.PLUGIN = Path('/no/amsynth.so')\n"


class Dask:
    """A scheduler on loopback; its workers have one thread each and are restarted by their nannies, as by default."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._count = 0
        with socket.create_server(("127.0.0.1", 0)) as free:
            self.address = f"tcp://127.0.0.1:{free.getsockname()[1]}"

    @contextlib.contextmanager
    def scheduler(self) -> Iterator[Program]:
        with self._program("scheduler", "--host", self.address) as program:
            yield program

    @contextlib.contextmanager
    def worker(self, lacking: str = "") -> Iterator[Program]:
        preload = self._folder / f"lacking-{self._count}.py"
        preload.write_text(lacking, encoding="utf-8")
        options = ["--nthreads", "1", "--host", "127.0.0.1", "--local-directory", str(self._folder)]
        with self._program("worker", self.address, *options, "--preload", str(preload)) as program:
            yield program

    @contextlib.contextmanager
    def _program(self, kind: str, *options: str) -> Iterator[Program]:
        self._count += 1
        argv = [sys.executable, "-m", f"distributed.cli.dask_{kind}", "--no-dashboard", *options]
        env = os.environ | {"PYTHONPATH": str(ROOT), "TMPDIR": str(self._folder)}
        program = Program(argv, env, self._folder / f"{kind}-{self._count}.log")
        program.start()
        try:
            yield program
        finally:
            program.stop()

    @contextlib.contextmanager
    def seen_by(self, workers: int) -> Iterator[Client]:
        """A client, as soon as there are this many workers."""
        with Client(self.address, set_as_default=False) as client:
            wait_for(lambda: len(client.nthreads()) == workers, f"{workers} dask workers", 60.0)
            yield client


@pytest.fixture(scope="module")
def dask(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Dask]:
    """A scheduler with two workers."""
    found = Dask(tmp_path_factory.mktemp("dask"))
    with found.scheduler(), found.worker(), found.worker(), found.seen_by(2):
        yield found


def test_clips_are_those_of_local_processes_bit_for_bit(dask: Dask) -> None:
    here = list(render(patches(), SHORT, jobs=2))
    there = list(render(patches(), SHORT, dask=dask.address))
    assert all(np.array_equal(a, b) for a, b in zip(here, there, strict=True)) and any(clip.any() for clip in here)


def test_measurements_are_the_same_and_cached_ones_are_not_rendered_again(dask: Dask, tmp_path: Path) -> None:
    here = measure(np.array(patches()), SHORT, jobs=2, cache=tmp_path / "here")
    there = measure(np.array(patches()), SHORT, cache=tmp_path / "there", dask=dask.address)
    for name in ("descriptors", "lufs", "start_s", "end_s", "mel"):
        assert np.array_equal(getattr(here, name), getattr(there, name), equal_nan=True), name
    steps: list[int] = []
    measure(np.array(patches()), SHORT, jobs=2, cache=tmp_path / "there", progress=steps.append)
    assert steps[0] == len(patches()) and not there.failed


def test_a_dask_worker_that_dies_loses_nothing(dask: Dask) -> None:
    many = patches(40)
    here = list(render(many, SHORT, jobs=2))
    with dask.seen_by(2) as client:
        victim = next(iter(client.run(os.getpid).values()))
    there = []
    for clip in render(many, SHORT, dask=dask.address):
        there.append(clip)
        if len(there) == 3:
            os.kill(victim, signal.SIGKILL)
    assert all(np.array_equal(a, b) for a, b in zip(here, there, strict=True))


def test_a_synth_that_crashes_is_tried_again_and_then_reported_in_its_place(dask: Dask, tmp_path: Path) -> None:
    with open_pool(dask=dask.address) as found:
        results = list(found.run(crashing, ((n, str(tmp_path)) for n in range(10))))
    assert isinstance(results[7], workers.Failed) and "Task 8" in str(results[7])
    assert [r for n, r in enumerate(results) if n != 7] == [n * n for n in range(10) if n != 7]


def test_a_dask_worker_keeps_its_processes_only_for_a_while(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    before = children()
    assert dask_task.run(crashing, 2, (2, str(tmp_path)), dask_task.environment()) == 4
    assert children() != before
    monkeypatch.setattr(dask_task, "_IDLE_S", 0.2)
    assert dask_task.run(crashing, 4, (4, str(tmp_path)), dask_task.environment()) == 16
    wait_for(lambda: children() == before, "the end of the idle process")


def test_a_process_that_cannot_be_started_releases_its_slot(monkeypatch: pytest.MonkeyPatch) -> None:
    def full(_make: dask_task.Make) -> workers.Worker:
        raise BlockingIOError("no more processes")

    monkeypatch.setattr(render_module, "max_jobs", lambda _wanted: 1)
    monkeypatch.setattr(dask_task, "Worker", full)
    bench = dask_task._ProcessPool()
    for _ in range(2):  # the second would wait forever
        with pytest.raises(BlockingIOError):
            bench.take(crashing)


def test_ctrl_c_just_after_a_request_shows_nothing_of_the_libraries(
    dask: Dask, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """distributed then cancels a request that it has not started, and its callback fails."""

    class Interrupted(threading.Event):
        def wait(self, timeout: float | None = None) -> bool:
            raise KeyboardInterrupt

    go_on = threading.Event()
    with dask_cluster.connected(dask.address) as cluster:
        cluster._client.loop.add_callback(go_on.wait)
        with monkeypatch.context() as patched, pytest.raises(KeyboardInterrupt):
            patched.setattr("distributed.utils.threading.Event", Interrupted)
            cluster._client.nthreads()
        go_on.set()
        assert cluster._client.nthreads()  # the loop has passed the callback
    assert "Exception in callback" not in caplog.text


def test_ctrl_c_ends_the_command_and_its_tasks_on_the_workers(dask: Dask, tmp_path: Path) -> None:
    presets = [banks.Preset.from_patch(f"p{n}", amsynth.DEFAULT) for n in range(100)]
    banks.write(tmp_path / "many.bank", banks.Bank(tuple(presets)))
    out = tmp_path / "out"
    options = ["--out", str(out), "--length", "20", "--dask", dask.address]
    command = start(["render", str(tmp_path / "many.bank"), *options], tmp_path)
    wait_for(lambda: list(out.glob("*.wav")), "a clip")
    interrupted(command)
    with dask.seen_by(2) as client:
        wait_for(lambda: not any(client.processing().values()), "the workers to be free")


@pytest.mark.parametrize(
    ("lacking", "wanted"),
    [
        (NO_LATENTD, "cannot run latentd: .*latentd.* Install the same version there: pip install"),
        (
            NO_AMSYNTH,
            "cannot render: /no/amsynth.so: No such file or directory. On that machine: Install amsynth",
        ),
    ],
)
def test_a_worker_that_cannot_render_is_named_with_the_next_step(dask: Dask, lacking: str, wanted: str) -> None:
    with dask.seen_by(2) as client:
        fit = set(client.nthreads())
    with dask.worker(lacking), dask.seen_by(3) as client:
        (unfit,) = set(client.nthreads()) - fit
        with pytest.raises(LatentdError, match=wanted) as raised:
            list(render(patches(1), SHORT, dask=dask.address))
        assert f"The dask worker {unfit} " in str(raised.value) and "\n" not in str(raised.value)
    with dask.seen_by(2):
        pass


def test_lost_workers_and_a_lost_scheduler_end_the_work_with_a_message(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(dask_cluster, "_CONNECT_S", 1.0)
    monkeypatch.setattr(dask_cluster, "_FIRST_WORKER_S", 0.1)
    monkeypatch.setattr(dask_cluster, "_NO_WORKER_S", 0.1)
    dask = Dask(tmp_path)
    nobody = f"has no workers. Start some: dask worker {dask.address}"
    with dask.scheduler() as scheduler:
        wait_for(lambda: "Scheduler at" in scheduler.log.read_text(encoding="utf-8"), "the scheduler")
        with pytest.raises(LatentdError, match=nobody):
            list(render(patches(1), SHORT, dask=dask.address))
        with dask.worker() as worker, dask.seen_by(1):
            clips = render(patches(40), SHORT, dask=dask.address)
            next(clips)
            worker.stop()
            with pytest.raises(LatentdError, match=nobody):
                list(clips)
        with dask.worker(), dask.seen_by(1):
            soon, late = (render(patches(40), SHORT, dask=dask.address) for _ in range(2))
            next(soon)
            next(late)
            scheduler.kill()
            lost = f"The connection to the dask scheduler at {dask.address} is lost. Start it"
            with pytest.raises(LatentdError, match=lost):
                list(soon)
            time.sleep(1.5)  # until the client has given up reconnecting
            with pytest.raises(LatentdError, match=lost):
                list(late)


@pytest.mark.parametrize("listening", [True, False])
def test_an_address_without_scheduler_is_reported_in_seconds(listening: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(dask_cluster, "_CONNECT_S", 0.5)
    with socket.create_server(("127.0.0.1", 0)) as stranger:
        address = f"tcp://127.0.0.1:{stranger.getsockname()[1]}"
        if not listening:
            stranger.close()
        with pytest.raises(LatentdError, match=f"No dask scheduler answers at {address}. Start it there"):
            list(render(patches(1), SHORT, dask=address))


@pytest.mark.parametrize("command", ["render", "map", "evaluate", "train"])
def test_an_invalid_address_is_the_user_s_mistake(command: str, tmp_path: Path) -> None:
    banks.write(tmp_path / "my.bank", banks.Bank(tuple(banks.Preset.from_patch("a", patch) for patch in patches(60))))
    arguments = {
        "render": [str(tmp_path / "my.bank"), "--out", str(tmp_path)],
        "map": ["--out", str(tmp_path), "--grid", "2"],
        "evaluate": ["--banks", str(tmp_path / "my.bank"), "--grid", "4"],
        "train": [str(tmp_path / "my.bank"), "--out", str(tmp_path)],
    }[command]
    error = CliRunner().invoke(cli, [command, *arguments, "--dask", "rack"]).exception
    assert isinstance(error, UserError) and "--dask: found 'rack'. Write" in str(error)
    error = CliRunner().invoke(cli, [command, *arguments, "--dask", "tcp://rack:8786", "--jobs", "2"]).exception
    assert isinstance(error, UserError) and "--jobs and --dask exclude each other" in str(error)
