"""The daemon as a process, dry (`--output print`): the path of a point, security, errors, its end."""

from __future__ import annotations

import contextlib
import json
import os
import random
import signal
import socket
import struct
import subprocess
import sys
from pathlib import Path

import pytest

from latentd.errors import LatentdError
from latentd.osc import packets
from latentd.osc.client import Client
from latentd.system.keep_warm import LASTS_S
from tests.support.daemon import Daemon, decoded, free_port, latentd, settled, wait_s
from tests.support.rig import LIMIT_S, wait_for


def test_an_empty_datagram_is_no_fault_while_somebody_monitors(daemon: Daemon) -> None:
    malformed = daemon.status()["counters"]["malformed"]
    with Client(f"127.0.0.1:{daemon.port}") as monitor:
        monitor.send("/latentd/monitor", 1)
        daemon.send_bytes(b"")
        wait_for(lambda: daemon.status()["counters"]["malformed"] > malformed, "the datagram")
        monitor.send("/latentd/monitor", 0)


def test_the_point_moves_the_patch_to_what_decode_prints(daemon: Daemon) -> None:
    daemon.send("/latentd/xy", 0.25, 0.75)
    status = settled(daemon)
    assert status["xy"] == [0.25, 0.75]
    assert status["patch"] == pytest.approx(decoded(0.25, 0.75), abs=1e-4)
    assert status["source"] == "latentd"


def test_a_mapped_device_moves_it_too(daemon: Daemon) -> None:

    def phone_leads() -> bool:
        daemon.send("/xy1", 0.125, 0.875)
        return bool(daemon.status()["source"] == "touchosc-mk2")

    wait_for(phone_leads, "the phone to take over once the other source is silent")
    status = settled(daemon)
    assert status["xy"] == pytest.approx([0.125, 0.875])


def test_status_counts_and_measures(daemon: Daemon) -> None:
    before = daemon.status()["counters"]
    daemon.send("/latentd/xy", 0.1, 0.2)
    daemon.send("/nobody/wants/this", 1.0)
    daemon.send_bytes(b"not osc at all")
    status = settled(daemon)
    counters = status["counters"]
    assert counters["received"] >= before["received"] + 3
    assert counters["unmapped"] == before["unmapped"] + 1
    assert counters["malformed"] == before["malformed"] + 1
    assert status["latency"]["count"] >= 1
    assert 0.0 < status["latency"]["p50_ms"] <= status["latency"]["max_ms"]
    assert set(status["lateness"]) == set(status["latency"])


def test_a_log_without_a_reader_delays_neither_the_point_nor_the_end(tmp_path: Path) -> None:
    port = free_port()
    argv = [sys.executable, "-m", "latentd", "run", "--listen", f"127.0.0.1:{port}", "--output", "print", "-v"]
    env = {**os.environ, "XDG_STATE_HOME": str(tmp_path), "XDG_CONFIG_HOME": str(tmp_path)}
    reading, writing = os.pipe()
    with subprocess.Popen(argv, env=env, stdout=subprocess.DEVNULL, stderr=writing, start_new_session=True) as process:
        try:
            os.set_blocking(writing, False)
            with contextlib.suppress(BlockingIOError):
                while True:
                    os.write(writing, bytes(4096))  # full, and without a reader
            os.set_blocking(writing, True)
            with Client(f"127.0.0.1:{port}") as client:
                wait_for(lambda: answers(client), "latentd to answer")
                with pytest.raises(LatentdError, match="NAME is a name"):  # which is logged, too
                    client.ask("/latentd/save", "..", limit_s=LIMIT_S)
            process.send_signal(signal.SIGTERM)
            assert process.wait(LIMIT_S) == 0
        finally:
            process.kill()
            os.close(reading)
            os.close(writing)


def answers(client: Client) -> bool:
    try:
        return client.ask("/latentd/ping", limit_s=0.5).address == "/latentd/pong"
    except LatentdError:
        return False


def test_a_closed_terminal_ends_it_in_order() -> None:
    with latentd("--output", "print") as daemon:
        assert daemon.end(signal.SIGHUP) == 0, daemon.log_text()


def test_a_verbose_daemon_logs_summaries_while_it_plays() -> None:
    with latentd("--output", "print", "-v") as daemon:

        def summaries() -> int:
            daemon.send("/xy", random.random(), random.random())
            return daemon.log_text().count(" messages in, ")

        wait_for(lambda: summaries() >= 2, "two summaries")


def test_a_daemon_that_refuses_all_other_machines_warns_at_its_start() -> None:
    port = free_port()
    with latentd("--output", "print", "--listen", f"0.0.0.0:{port}", port=port) as daemon:
        assert daemon.log_text().count("0.0.0.0 refuses other machines: ") == 1


def test_the_log_has_the_mappings_in_use_and_once_each_one_that_clips() -> None:
    with latentd("--output", "print", "--mapping", "xy", "--mapping", "iosc") as daemon:
        wait_for(lambda: "mappings in use: xy, iosc\n" in daemon.log_text(), "the mappings")
        for x in (64, 65, 66):
            daemon.send("/xy", x, 0.5)
            daemon.settle()
        daemon.send("/osc/pady", -2.0)
        clipped = "mapping iosc: y -2 is outside range_y [0, 1], so the point stays at the edge. Adapt the range in "
        wait_for(lambda: clipped in daemon.log_text(), "the second mapping that clips")
        assert daemon.log_text().count("is outside") == 2
        assert "mapping xy: x 64 is outside range_x [0, 1]" in daemon.log_text()


def test_hostile_datagrams_are_counted_and_change_nothing(daemon: Daemon) -> None:
    rng = random.Random(7)
    before = daemon.status()
    nested = b"#bundle\0" + bytes(8)
    for _ in range(200):
        nested = b"#bundle\0" + bytes(8) + struct.pack(">i", len(nested)) + nested
    hostile = [
        b"", b"/", b"\xff" * 100, b"/latentd/xy\0,ff\0", b"#bundle\0", nested[:60000], b"/" + b"a" * 60000,
        packets.write("/latentd/xy", float("inf"), float("-inf")),
        b"/xy\0,ff\0" + struct.pack(">ff", float("nan"), 0.5),
        *(rng.randbytes(rng.randrange(1, 400)) for _ in range(300)),
    ]  # fmt: skip
    for i, datagram in enumerate(hostile):
        daemon.send_bytes(datagram)
        if i < 10 or i % 20 == 0:  # the system drops what its small buffer does not hold
            daemon.settle()
    daemon.settle()
    after = daemon.status()
    assert after["counters"]["malformed"] > before["counters"]["malformed"] + 200
    assert after["xy"] == [0.5, 0.5]


def test_a_port_that_is_taken_is_one_clear_line() -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as taken:
        taken.bind(("127.0.0.1", 0))
        port = taken.getsockname()[1]
        argv = [sys.executable, "-m", "latentd", "run", "--output", "print", "--listen", f"127.0.0.1:{port}"]
        done = subprocess.run(argv, capture_output=True, text=True, timeout=LIMIT_S, check=False)
    assert done.returncode == 1
    assert done.stderr.count("\n") == 1
    assert f"port {port} is taken by" in done.stderr
    assert f"(pid {os.getpid()})" in done.stderr


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--mapping", "touchosk"], "touchosc"),
        (["--model", "papre"], "paper"),
        (["--listen", "here"], "HOST:PORT"),
        (["--set", "shaping.timbre=1"], "timbre_s"),
        (["--config", "nowhere.yaml"], "nowhere.yaml"),
    ],
)
def test_a_wrong_option_is_one_clear_line_and_exit_code_2(options: list[str], message: str) -> None:
    argv = [sys.executable, "-m", "latentd", "run", "--output", "print", *options]
    done = subprocess.run(argv, capture_output=True, text=True, timeout=LIMIT_S, check=False)
    assert done.returncode == 2, done.stderr
    assert message in done.stderr
    assert "Traceback" not in done.stderr


def refusal(folder: Path, *options: str) -> list[str]:
    """What `latentd run` prints when it refuses to start because of the user's mistake."""
    argv = [sys.executable, "-m", "latentd", "run", "--listen", f"127.0.0.1:{free_port()}", *options]
    env = {**os.environ, "XDG_CONFIG_HOME": str(folder / "none")}
    done = subprocess.run(argv, capture_output=True, text=True, timeout=LIMIT_S, check=False, env=env)
    assert done.returncode == 2, done.stderr
    return done.stderr.removeprefix("latentd: ").splitlines()


def test_run_lists_what_check_lists(tmp_path: Path) -> None:
    (tmp_path / "pad.yaml").write_text("title: t\ntuio: {version: 3}\nnothing: 1\n")
    config = tmp_path / "c.yaml"
    config.write_text("mappings: [xyz, ./pad.yaml]\noutput: print\nmodel: timbr\ncontrollers: mine\n")
    argv = [sys.executable, "-m", "latentd", "check", "--config", str(config)]
    checked = subprocess.run(argv, capture_output=True, text=True, timeout=LIMIT_S, check=False).stderr.splitlines()
    assert [line.split(": ")[1] for line in checked] == [
        "mappings[0]", "mappings[1]", "mappings[1]", "model", "controllers",
    ]  # fmt: skip
    assert refusal(tmp_path, "--config", str(config)) == checked
    config.write_text(config.read_text() + "modle: x\n")
    assert refusal(tmp_path, "--config", str(config)) == [
        *checked,
        f"{config}:5: modle: unknown key; did you mean model?",
    ]


def test_what_an_option_replaces_in_the_file_is_not_checked(tmp_path: Path) -> None:
    config = tmp_path / "c.yaml"
    config.write_text("mappings: [xyz]\noutput: print\nmodel: timbr\n")
    file_model, option_mapping = refusal(tmp_path, "--config", str(config), "--mapping", "xy", "--mapping", "tuoi")
    assert file_model.startswith(f"{config}:3: model: No model named 'timbr'")
    assert option_mapping.startswith("--mapping[1]: There is no mapping 'tuoi'. Did you mean")
    alike, model = refusal(tmp_path, "--mapping", "xy", "--mapping", "xy", "--model", "timbr")
    assert alike == "--mapping[1]: xy: listed twice. Remove one"
    assert model.startswith("--model: No model named 'timbr'")


def test_run_refuses_names_that_are_taken(tmp_path: Path) -> None:
    for name in ("xy", "latentd"):
        (tmp_path / f"{name}.yaml").write_text("title: t\ntuio: {}\n")
    (alike,) = refusal(tmp_path, "--output", "print", "--mapping", "xy", "--mapping", f"{tmp_path}/xy.yaml")
    assert alike.startswith(f"--mapping[1]: {tmp_path}/xy.yaml: xy has the same name, 'xy'. Rename the file")
    (reserved,) = refusal(tmp_path, "--output", "print", "--mapping", f"{tmp_path}/latentd.yaml")
    assert "the name latentd is reserved" in reserved


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_p9_a_signal_mid_gesture_ends_in_order(number: signal.Signals) -> None:
    with latentd("--output", "print") as daemon:
        for i in range(50):
            daemon.send("/latentd/xy", i / 50.0, 0.5)
        daemon.send_signal(number)
        wait_for(lambda: not daemon.running(), "its end")
        assert daemon.end() == 0
        assert "stopped" in daemon.log_text()
        assert "Traceback" not in daemon.log_text()


def test_p6_an_idle_daemon_uses_next_to_no_time() -> None:
    """CPU time is counted, not wall time, so a busy machine cannot fail this."""
    with latentd("--output", "print") as daemon:
        daemon.send("/latentd/xy", 0.3, 0.3)
        daemon.settle()
        sent = daemon.status()["counters"]["sent"]
        wait_s(LASTS_S + 0.5)  # until it no longer keeps warm
        before = cpu_s(daemon.pid)
        wait_s(3.0)
        used = cpu_s(daemon.pid) - before
        assert used <= 0.05, f"{used:.3f} s of CPU in 3 s at rest"
        assert daemon.status()["counters"]["sent"] == sent


def cpu_s(pid: int) -> float:
    """User and system time of a process, seconds (proc(5))."""
    fields = Path(f"/proc/{pid}/stat").read_text(encoding="ascii").rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def test_print_lines_are_json(daemon: Daemon) -> None:
    daemon.send("/latentd/panic")
    daemon.settle()
    wait_for(lambda: '"midi"' in daemon.log_text(), "the panic")
    lines = [json.loads(line) for line in daemon.log_text().splitlines() if line.startswith("{")]
    assert any("changes" in line for line in lines)
    ended = [line["midi"] for line in lines if "midi" in line]
    assert [0xB0, 123, 0] in ended
    assert [0xBF, 120, 0] in ended
