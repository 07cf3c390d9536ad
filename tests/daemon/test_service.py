"""The daemon as a process, dry (`--output print`): control interface, security, errors, its end."""

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
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from latentd.errors import LatentdError
from latentd.model import bundle
from latentd.osc import packets
from latentd.osc.client import Client
from latentd.synth import banks
from latentd.system.keep_warm import LASTS_S
from tests.support.daemon import Daemon, decoded, free_port, latentd, wait_s
from tests.support.rig import LIMIT_S, wait_for


@pytest.fixture(scope="module")
def shared() -> Iterator[Daemon]:
    """One dry daemon for the tests that leave no trace."""
    with latentd("--output", "print") as daemon:
        yield daemon


@pytest.fixture
def daemon(shared: Daemon) -> Iterator[Daemon]:
    """The same, with its point at a known place and nothing locked."""
    shared.send("/latentd/wander", 0)
    shared.send("/latentd/freeze", 0)
    shared.send("/latentd/xy", 0.5, 0.5)
    wait_for(lambda: shared.status()["xy"] == [0.5, 0.5], "the point")
    yield shared
    assert shared.status()["counters"]["faults"] == 0, shared.said()


def ask(daemon: Daemon, address: str, *args: float | str) -> packets.Message:
    with Client(f"127.0.0.1:{daemon.port}") as client:
        return client.ask(address, *args, limit_s=LIMIT_S)


def error(daemon: Daemon, address: str, *args: float | str) -> str:
    """What the daemon answers to a mistake."""
    with pytest.raises(LatentdError) as caught:
        ask(daemon, address, *args)
    return str(caught.value)


def settled(daemon: Daemon) -> dict[str, Any]:
    daemon.settle()
    return daemon.status()


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


def test_a_latent_point_moves_it_to_where_the_pad_shows_it(daemon: Daemon) -> None:
    low, high = bundle.load().box
    daemon.send("/latentd/z", *(float(v) for v in low + (high - low) * (0.25, 0.75)))
    assert settled(daemon)["xy"] == pytest.approx([0.25, 0.75], abs=1e-6)


def test_a_held_touch_keeps_the_lead_until_it_is_let_go(daemon: Daemon) -> None:
    daemon.send("/latentd/xy", 0.2, 0.3)
    daemon.send("/latentd/touch", 1)
    daemon.send("/xy1", 0.9, 0.9)
    status = settled(daemon)
    assert (status["source"], status["touch"]) == ("latentd", True)
    assert status["xy"] == pytest.approx([0.2, 0.3])
    daemon.send("/latentd/touch", 0)
    daemon.send("/xy1", 0.9, 0.9)
    assert settled(daemon)["source"] == "touchosc-mk2"


def test_let_go_the_point_is_still_moved_by_those_who_know_no_touch(daemon: Daemon) -> None:
    daemon.send("/latentd/touch", 1)
    daemon.send("/latentd/touch", 0)
    daemon.send("/latentd/xy", 0.125, 0.25)
    wait_for(lambda: daemon.status()["xy"] == [0.125, 0.25], "the point")


def test_another_model_can_be_loaded_and_undone(daemon: Daemon) -> None:
    assert ask(daemon, "/latentd/model", bundle.DEFAULT).args == (bundle.DEFAULT,)
    daemon.send("/latentd/undo")
    assert settled(daemon)["model"] == bundle.DEFAULT


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


def test_landmarks_are_kept_gone_to_and_forgotten(daemon: Daemon) -> None:
    daemon.send("/latentd/landmark/save", "intro")
    wait_for((daemon.state / "landmarks.json").exists, "the file")
    daemon.send("/latentd/xy", 0.9, 0.1)
    daemon.send("/latentd/landmark/goto", "intro", 0.2)
    wait_for(lambda: daemon.status()["xy"] == [0.5, 0.5], "the glide")
    assert "intro" in error(daemon, "/latentd/landmark/goto", "intor")
    daemon.send("/latentd/landmark/delete", "intro")
    wait_for(lambda: daemon.status()["landmarks"] == [], "it to be forgotten")
    daemon.send("/latentd/undo")
    wait_for(lambda: daemon.status()["landmarks"] == ["intro"], "undo")


def test_a_status_with_as_many_and_as_long_landmarks_as_can_be_still_fits_its_datagram() -> None:
    longest = "\N{OLD ITALIC LETTER A}" * 64  # four bytes each
    names = [f"{i:03}{longest[3:]}" for i in range(127)]
    with latentd("--output", "print", start=False) as daemon:
        daemon.state.mkdir(parents=True)
        (daemon.state / "landmarks.json").write_text(json.dumps(dict.fromkeys(names, (0.5, 0.5))), encoding="utf-8")
        daemon.start()
        assert daemon.status()["landmarks"] == names
        daemon.send("/latentd/xy", 0.5, 0.5)
        daemon.send("/latentd/landmark/save", longest)
        wait_for(lambda: len(daemon.status()["landmarks"]) == 128, "the last one")
        assert "128 landmarks" in error(daemon, "/latentd/landmark/save", "one more")


@pytest.mark.parametrize("address", ["/latentd/save", "/latentd/landmark/save"])
def test_what_cannot_be_written_is_said_to_who_asked_for_it(address: str) -> None:
    with latentd("--output", "print", start=False) as daemon:
        daemon.state.mkdir(parents=True)
        (daemon.state / "banks").touch()  # where a folder should be
        daemon.start()
        (daemon.state / "landmarks.json").mkdir()
        daemon.send("/latentd/xy", 0.5, 0.5)
        daemon.settle()
        assert "was not written" in error(daemon, address, "mine")


def test_a_parameter_set_by_hand_stays_until_given_back(daemon: Daemon) -> None:
    daemon.send("/latentd/param/filter_cutoff", -0.25)
    daemon.send("/latentd/xy", 0.7, 0.7)
    assert settled(daemon)["patch"]["filter_cutoff"] == pytest.approx(-0.25, abs=1e-4)
    daemon.send("/latentd/undo")
    assert settled(daemon)["patch"]["filter_cutoff"] == pytest.approx(decoded(0.7, 0.7)["filter_cutoff"], abs=1e-4)


def test_a_locked_parameter_stays_where_it_is(daemon: Daemon) -> None:
    volume = settled(daemon)["patch"]["master_vol"]
    daemon.send("/latentd/lock", "master_vol", 1)
    daemon.send("/latentd/xy", 0.05, 0.95)
    status = settled(daemon)
    assert status["patch"]["master_vol"] == pytest.approx(volume, abs=1e-4)
    assert list(status["own"]) == ["master_vol"]
    daemon.send("/latentd/lock", "master_vol", 0)
    assert settled(daemon)["own"] == {}


def test_frozen_it_hears_and_does_not_move(daemon: Daemon) -> None:
    daemon.send("/latentd/freeze", 1)
    daemon.send("/latentd/xy", 0.9, 0.9)
    status = settled(daemon)
    assert status["xy"] == [0.5, 0.5]
    assert status["frozen"] is True


def test_it_wanders_and_a_hand_ends_it(daemon: Daemon) -> None:
    daemon.send("/latentd/wander", 1)
    wait_for(lambda: daemon.status()["xy"] != [0.5, 0.5], "the walk")
    daemon.send("/latentd/xy", 0.25, 0.25)
    wait_for(lambda: daemon.status()["xy"] == [0.25, 0.25], "the hand")


def test_a_recorded_gesture_plays(daemon: Daemon) -> None:
    assert "recorded" in error(daemon, "/latentd/play", 1)
    daemon.send("/latentd/record", 1)
    for i in range(10):
        daemon.send("/latentd/xy", 0.1 * i, 0.5)
        daemon.settle()
    daemon.send("/latentd/record", 0)
    daemon.send("/latentd/play", 1)
    wait_for(lambda: daemon.status()["xy"][0] < 0.2, "the beginning")
    wait_for(lambda: daemon.status()["xy"][0] > 0.6, "the end")
    daemon.send("/latentd/play", 0)


def test_a_saved_patch_is_a_bank_file(daemon: Daemon) -> None:
    daemon.send("/latentd/xy", 0.5, 0.25)
    daemon.settle()
    assert ask(daemon, "/latentd/save", "my patch").args == ("my patch",)
    preset = banks.read_bank(daemon.state / "banks" / "my patch.bank").presets[0]
    assert preset.name == "my patch"
    wanted = decoded(0.5, 0.25)
    assert preset.patch().tolist() == pytest.approx(list(wanted.values()), abs=1e-4)


@pytest.mark.parametrize("name", ["../outside", "/etc/passwd", ".hidden", "", "a/b", "x" * 65, "new\nline", "nul\\0"])
@pytest.mark.parametrize("address", ["/latentd/save", "/latentd/landmark/save", "/latentd/model"])
def test_names_cannot_leave_their_folder(daemon: Daemon, address: str, name: str) -> None:
    assert "no name" in error(daemon, address, name)
    assert not (daemon.state / "outside.bank").exists()
    assert not (daemon.state.parent / "outside.bank").exists()


@pytest.mark.parametrize(
    ("address", "args", "message"),
    [
        ("/latentd/xy", (0.5,), "takes 2 numbers"),
        ("/latentd/xy", ("a", "b"), "takes 2 numbers"),
        ("/latentd/xy", (float("nan"), 0.5), "takes 2 numbers"),
        ("/latentd/param/cutoff", (1.0,), "filter_cutoff"),
        ("/latentd/param/filter_cutoff", (99.0,), "takes -0.5 to 1.5, found 99"),
        ("/latentd/lock", ("master_vol", 7), "takes 1 or 0, found 7"),
        ("/latentd/lock", ("master_volume", 1), "master_vol"),
        ("/latentd/landmark/goto", ("nowhere",), "no landmark"),
        ("/latentd/landmark/goto", ("nowhere", -1.0), "0 to 3600"),
        ("/latentd/model", ("nothing",), "nothing"),
        ("/latentd/nothing", (), "no such message"),
    ],
)
def test_mistakes_are_answered(daemon: Daemon, address: str, args: tuple[float | str, ...], message: str) -> None:
    assert message in error(daemon, address, *args)


def test_an_address_pattern_reaches_every_message_that_it_names(daemon: Daemon) -> None:
    daemon.send("/latentd/{xy,nothing}", 0.25, 0.5)
    wait_for(lambda: daemon.status()["xy"] == [0.25, 0.5], "the point")
    daemon.send("/*/x?", 0.75, 0.5)
    wait_for(lambda: daemon.status()["xy"] == [0.75, 0.5], "the point")
    unmapped = daemon.status()["counters"]["unmapped"]
    daemon.send("/latentd/nothing*", 1)
    wait_for(
        lambda: daemon.status()["counters"]["unmapped"] == unmapped + 1, "the one that names nothing to be counted"
    )
    assert "takes -0.5 to 1.5" in error(daemon, "/latentd/param/filter_cutof?", 99.0)


def test_nil_leaves_an_axis_where_it_is(daemon: Daemon) -> None:
    daemon.send("/latentd/xy", 0.25, 0.5)
    daemon.send_bytes(packets.write("/latentd/xy", None, 0.75))
    daemon.send_bytes(packets.write("/latentd/xy", 0.125, None))
    wait_for(lambda: daemon.status()["xy"] == [0.125, 0.75], "the point")
    assert "takes 2 numbers" in error(daemon, "/latentd/xy", 0.5)


def test_senders_that_leave_out_type_tags_are_understood(daemon: Daemon) -> None:
    daemon.send_bytes(b"/latentd/xy\0" + struct.pack(">ff", 0.25, 0.125))
    wait_for(lambda: daemon.status()["xy"] == [0.25, 0.125], "the point")
    daemon.send_bytes(b"/latentd/xy\0" + struct.pack(">ii", 0, 1))  # whole numbers, as integers
    wait_for(lambda: daemon.status()["xy"] == [0.0, 1.0], "the point")
    daemon.send_bytes(b"/latentd/freeze\0" + struct.pack(">i", 1))
    wait_for(lambda: daemon.status()["frozen"], "freeze")
    before = daemon.status()["counters"]["faults"]
    daemon.send_bytes(b"/latentd/xy\0" + b"abc\0")
    daemon.send_bytes(b"/latentd/landmark/goto\0\0" + b"nowhere\0")
    assert daemon.status()["counters"]["faults"] == before


def test_an_address_cannot_write_into_the_log() -> None:
    with latentd("--output", "print") as daemon:
        told = error(daemon, "/latentd/\x1bcred\n12:00:00 ERROR forged" + "x" * 150)
        wait_for(lambda: "no such message" in daemon.said(), "the mistake in the log")
        for text in (told, daemon.said()):
            assert "\x1b" not in text and "\n12:00:00 ERROR" not in text
            assert text.count("x") < 100


def test_a_panic_that_reaches_no_synth_says_so() -> None:
    with latentd("--output", "osc", env={**os.environ, "JACK_DEFAULT_SERVER": "latentd-nobody"}) as daemon:
        for _ in range(3):
            assert "no MIDI output reaches the synth" in error(daemon, "/latentd/panic")


def test_datagrams_full_of_mistakes_leave_room_for_the_point(daemon: Daemon) -> None:
    wrong = [packets.write(f"/latentd/param/filter_cutof{n}", 0.5) for n in range(100)]
    bundle_of_them = b"#bundle\0" + bytes(8) + b"".join(struct.pack(">i", len(m)) + m for m in wrong)
    for n in range(8):
        daemon.send_bytes(bundle_of_them)
        daemon.send("/latentd/xy", n / 8, 0.5)
    wait_for(lambda: daemon.status()["xy"] == [0.875, 0.5], "the last point")


def test_a_strange_landmarks_file_is_put_aside_and_status_goes_on_answering() -> None:
    with latentd("--output", "print", start=False) as daemon:
        daemon.state.mkdir(parents=True)
        (daemon.state / "landmarks.json").write_text('{"\\ud800": [0.5, 0.5]}', encoding="utf-8")
        daemon.start()
        assert daemon.status()["landmarks"] == []
        assert (daemon.state / "landmarks.json.damaged").exists()
        assert daemon.status()["counters"]["faults"] == 0


def test_a_log_that_nobody_reads_holds_up_neither_the_point_nor_the_end(tmp_path: Path) -> None:
    port = free_port()
    argv = [sys.executable, "-m", "latentd", "run", "--listen", f"127.0.0.1:{port}", "--output", "print", "-v"]
    env = {**os.environ, "XDG_STATE_HOME": str(tmp_path), "XDG_CONFIG_HOME": str(tmp_path)}
    reading, writing = os.pipe()
    with subprocess.Popen(argv, env=env, stdout=subprocess.DEVNULL, stderr=writing, start_new_session=True) as process:
        try:
            os.set_blocking(writing, False)
            with contextlib.suppress(BlockingIOError):
                while True:
                    os.write(writing, bytes(4096))  # full, and nobody reads it
            os.set_blocking(writing, True)
            with Client(f"127.0.0.1:{port}") as client:
                wait_for(lambda: answers(client), "latentd to answer")
                with pytest.raises(LatentdError, match="no name"):  # which is logged, too
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
        assert daemon.end(signal.SIGHUP) == 0, daemon.said()


def test_mistakes_and_a_new_model_are_logged_too_as_many_senders_do_not_look_at_answers() -> None:
    with latentd("--output", "print") as daemon:
        for _ in range(50):
            daemon.send("/latentd/lock", "mastervol", 1)
        wait_for(lambda: "Did you mean 'master_vol'?" in daemon.said(), "the mistake in the log")
        ask(daemon, "/latentd/model", "paper")
        wait_for(lambda: "model paper, wanted by 127.0.0.1" in daemon.said(), "the model in the log")
        assert daemon.said().count("mastervol") < 10


def test_a_verbose_daemon_sums_up_while_it_plays() -> None:
    with latentd("--output", "print", "-v") as daemon:

        def summaries() -> int:
            daemon.send("/xy", random.random(), random.random())
            return daemon.said().count(" messages in, ")

        wait_for(lambda: summaries() >= 2, "two summaries")


def test_a_daemon_that_no_other_machine_may_speak_to_says_so_at_its_start() -> None:
    port = free_port()
    with latentd("--output", "print", "--listen", f"0.0.0.0:{port}", port=port) as daemon:
        assert daemon.said().count("No other machine will be heard on 0.0.0.0") == 1


def test_answers_are_not_answered() -> None:
    """Or a forged sender could make two daemons talk to each other for ever."""
    with latentd("--output", "print") as daemon, socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as asker:
        asker.bind(("127.0.0.1", 0))
        asker.settimeout(LIMIT_S)
        for answer in (("error", "x"), ("pong",), ("saved", "x"), ("loaded", "x"), ("status", "{}")):
            asker.sendto(packets.write(f"/latentd/{answer[0]}", *answer[1:]), ("127.0.0.1", daemon.port))
        asker.sendto(packets.write("/latentd/ping"), ("127.0.0.1", daemon.port))
        assert packets.read(asker.recv(65536))[0].address == "/latentd/pong"
        assert daemon.status()["counters"]["unmapped"] == 5


def test_a_model_is_loaded_while_playing(daemon: Daemon) -> None:
    assert ask(daemon, "/latentd/model", "paper").args == ("paper",)
    daemon.send("/latentd/undo")


def test_subscribers_hear_the_point_at_the_feedback_port() -> None:
    port = free_port()
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as listening:
        listening.bind(("127.0.0.1", port))
        listening.settimeout(LIMIT_S)
        with latentd("--output", "print", "--set", f"feedback_port={port}") as daemon:
            daemon.send("/latentd/subscribe", 1)
            daemon.send("/latentd/xy", 0.25, 0.5)
            heard = packets.read(listening.recv(1024))[0]
            assert (heard.address, heard.args) == ("/latentd/xy", (0.25, 0.5))


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


def test_another_port_user_gets_one_clear_line() -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as taken:
        taken.bind(("127.0.0.1", 0))
        port = taken.getsockname()[1]
        argv = [sys.executable, "-m", "latentd", "run", "--output", "print", "--listen", f"127.0.0.1:{port}"]
        done = subprocess.run(argv, capture_output=True, text=True, timeout=LIMIT_S, check=False)
    assert done.returncode == 1
    assert done.stderr.count("\n") == 1
    assert f"port {port} is taken" in done.stderr


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
    """What `latentd run` says when it refuses to start, for the user's mistake."""
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


def test_what_an_option_replaces_in_the_file_is_not_looked_at(tmp_path: Path) -> None:
    config = tmp_path / "c.yaml"
    config.write_text("mappings: [xyz]\noutput: print\nmodel: timbr\n")
    file_model, option_mapping = refusal(tmp_path, "--config", str(config), "--mapping", "xy", "--mapping", "tuoi")
    assert file_model.startswith(f"{config}:3: model: No model named 'timbr'")
    assert option_mapping.startswith("--mapping[1]: No mapping is called 'tuoi'. Did you mean")
    alike, model = refusal(tmp_path, "--mapping", "xy", "--mapping", "xy", "--model", "timbr")
    assert alike == "--mapping[1]: xy: stands twice. Leave one out"
    assert model.startswith("--model: No model named 'timbr'")


def test_run_refuses_names_that_are_taken(tmp_path: Path) -> None:
    for name in ("xy", "latentd"):
        (tmp_path / f"{name}.yaml").write_text("title: t\ntuio: {}\n")
    (alike,) = refusal(tmp_path, "--output", "print", "--mapping", "xy", "--mapping", f"{tmp_path}/xy.yaml")
    assert alike.startswith(f"--mapping[1]: {tmp_path}/xy.yaml: xy has the same name, 'xy'. Rename the file")
    (reserved,) = refusal(tmp_path, "--output", "print", "--mapping", f"{tmp_path}/latentd.yaml")
    assert "the name latentd is that of latentd's own source" in reserved


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_p9_a_signal_mid_gesture_ends_in_order(number: signal.Signals) -> None:
    with latentd("--output", "print") as daemon:
        for i in range(50):
            daemon.send("/latentd/xy", i / 50.0, 0.5)
        daemon.send_signal(number)
        wait_for(lambda: not daemon.running(), "its end")
        assert daemon.end() == 0
        assert "stopped" in daemon.said()
        assert "Traceback" not in daemon.said()


def test_p6_an_idle_daemon_uses_next_to_no_time() -> None:
    """CPU time is counted, not wall time, so a busy machine cannot fail this."""
    with latentd("--output", "print") as daemon:
        daemon.send("/latentd/xy", 0.3, 0.3)
        daemon.settle()
        sent = daemon.status()["counters"]["sent"]
        wait_s(LASTS_S + 0.5)  # until it is alert no more
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
    wait_for(lambda: '"midi"' in daemon.said(), "the panic")
    lines = [json.loads(line) for line in daemon.said().splitlines() if line.startswith("{")]
    assert any("changes" in line for line in lines)
    ended = [line["midi"] for line in lines if "midi" in line]
    assert [0xB0, 123, 0] in ended
    assert [0xBF, 120, 0] in ended
