"""What single messages do in a real daemon, and what it answers to mistakes."""

from __future__ import annotations

import json
import os
import socket
import struct

import pytest

from latentd.model import bundle
from latentd.osc import packets
from latentd.synth import banks
from tests.support.daemon import Daemon, ask, decoded, error, free_port, latentd, settled
from tests.support.rig import LIMIT_S, wait_for


def test_a_latent_point_moves_it_to_where_the_pad_shows_it(daemon: Daemon) -> None:
    low, high = bundle.load().box
    daemon.send("/latentd/z", *(float(v) for v in low + (high - low) * (0.25, 0.75)))
    assert settled(daemon)["xy"] == pytest.approx([0.25, 0.75], abs=1e-6)


def test_a_held_touch_keeps_the_lead_until_it_is_let_go(daemon: Daemon) -> None:
    daemon.send("/latentd/xy", 0.2, 0.3)
    daemon.send("/latentd/touch", 1)
    daemon.send("/xy1", 0.9, 0.9)
    wait_for(lambda: daemon.status()["touch"], "the touch")  # not for rest: that may take until the touch lapses
    status = daemon.status()
    assert status["source"] == "latentd"
    assert status["xy"] == pytest.approx([0.2, 0.3])
    daemon.send("/latentd/touch", 0)
    daemon.send("/xy1", 0.9, 0.9)
    wait_for(lambda: daemon.status()["source"] == "touchosc-mk2", "the phone to take over")


def test_let_go_the_point_is_still_moved_by_those_who_know_no_touch(daemon: Daemon) -> None:
    daemon.send("/latentd/touch", 1)
    daemon.send("/latentd/touch", 0)
    daemon.send("/latentd/xy", 0.125, 0.25)
    wait_for(lambda: daemon.status()["xy"] == [0.125, 0.25], "the point")


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
    assert "NAME is a name of up to 64" in error(daemon, address, name)
    assert not (daemon.state / "outside.bank").exists()
    assert not (daemon.state.parent / "outside.bank").exists()


@pytest.mark.parametrize(
    ("address", "args", "message"),
    [
        ("/latentd/xy", (0.5,), "/latentd/xy ff X Y: found 0.5. Send X (0 to 1) and Y (0 to 1)"),
        ("/latentd/xy", ("a", "b"), "/latentd/xy ff X Y: found 'a', 'b'. X is 0 to 1"),
        ("/latentd/xy", (0.5, float("nan")), "/latentd/xy ff X Y: found 0.5, nan. Y is 0 to 1"),
        ("/latentd/param/cutoff", (1.0,), "NAME f VALUE: found 'cutoff', 1.0. Did you mean 'filter_cutoff'?"),
        ("/latentd/param/filter_cutoff", (99.0,), "found 'filter_cutoff', 99.0. filter_cutoff takes -0.5 to 1.5"),
        ("/latentd/lock", ("master_vol", 7), "/latentd/lock si NAME ON: found 'master_vol', 7. ON is 1 or 0"),
        ("/latentd/lock/master_vol", (7,), "/latentd/lock/NAME i ON: found 'master_vol', 7. ON is 1 or 0"),
        ("/latentd/lock", ("master_volume", 1), "Did you mean 'master_vol'?"),
        ("/latentd/landmark/goto", ("nowhere",), "/latentd/landmark/goto: no landmark 'nowhere'. "),
        (
            "/latentd/landmark/goto",
            ("nowhere", -1.0),
            "/latentd/landmark/goto sf NAME [SECONDS]: found 'nowhere', -1.0. SECONDS is 0 to 3600 s",
        ),
        ("/latentd/model", ("nothing",), "/latentd/model: No model named 'nothing'"),
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
    daemon.send("/latentd/lock/osc?_waveform", 1)
    wait_for(lambda: daemon.status()["own"].keys() == {"osc1_waveform", "osc2_waveform"}, "both locks")
    daemon.send("/latentd/lock/*", 0)
    wait_for(lambda: not daemon.status()["own"], "no lock")


def test_nil_leaves_an_axis_where_it_is(daemon: Daemon) -> None:
    daemon.send("/latentd/xy", 0.25, 0.5)
    daemon.send_bytes(packets.write("/latentd/xy", None, 0.75))
    daemon.send_bytes(packets.write("/latentd/xy", 0.125, None))
    wait_for(lambda: daemon.status()["xy"] == [0.125, 0.75], "the point")


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
    daemon.send_bytes(b"/latentd/freeze\0" + struct.pack(">i", 0))
    wait_for(lambda: not daemon.status()["frozen"], "its end")
    assert daemon.status()["counters"]["faults"] == before


def test_an_address_cannot_write_into_the_log() -> None:
    with latentd("--output", "print") as daemon:
        answer = error(daemon, "/latentd/\x1bcred\n12:00:00 ERROR forged" + "x" * 150)
        wait_for(lambda: "no such message" in daemon.log_text(), "the mistake in the log")
        for text in (answer, daemon.log_text()):
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


def test_each_mistake_is_logged_once_and_a_new_model_is_too_as_many_senders_do_not_look_at_answers() -> None:
    with latentd("--output", "print") as daemon:
        for n in range(50):
            daemon.send("/latentd/lock", "mastervol", 1)
            daemon.send("/latentd/freeze", 2 + n)
        wait_for(lambda: "Did you mean 'master_vol'?" in daemon.log_text(), "the mistake in the log")
        wait_for(lambda: "/latentd/freeze i ON" in daemon.log_text(), "the other one, at once")
        ask(daemon, "/latentd/model", "paper")
        wait_for(lambda: "model paper, wanted by 127.0.0.1" in daemon.log_text(), "the model in the log")
        assert (daemon.log_text().count("mastervol"), daemon.log_text().count("/latentd/freeze")) == (1, 1)


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


def test_one_of_two_apps_on_a_tablet_that_unsubscribes_does_not_silence_the_other() -> None:
    with (
        socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as listening,
        socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as app,
        socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as other_app,
    ):
        listening.bind(("127.0.0.1", 0))
        listening.settimeout(LIMIT_S)
        with latentd("--output", "print", "--set", f"feedback_port={listening.getsockname()[1]}") as daemon:
            for client, on in ((app, 1), (other_app, 1), (other_app, 0)):
                client.sendto(packets.write("/latentd/subscribe", on), ("127.0.0.1", daemon.port))
                daemon.status()
            daemon.send("/latentd/xy", 0.25, 0.5)
            assert packets.read(listening.recv(1024))[0].args == (0.25, 0.5)
