"""`latentd doctor`: the results of its checks, and their next steps."""

from __future__ import annotations

import contextlib
import json
import os
import socket
import threading
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from latentd.cli import doctor
from latentd.config.config import Config
from latentd.daemon import midi_channel
from latentd.osc import packets
from latentd.synth import amsynth, midimap
from latentd.synth.running import RunningSynth
from latentd.system import jackd, machine
from tests.support.daemon import free_port
from tests.support.rig import LIMIT_S


@pytest.fixture(autouse=True)
def a_quiet_machine(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A machine without problems; each test adds one."""
    monkeypatch.setattr(machine, "amsynth_version", lambda: "1.13.2")
    monkeypatch.setattr(machine, "libjack", lambda: "libjack.so.0")
    monkeypatch.setattr(machine, "ask_jack", lambda: machine.JackFacts("1.9.21", 48000, 128, True, [], [], {}))
    monkeypatch.setattr(machine, "playback_cards", lambda: [machine.Card("USB", True)])
    monkeypatch.setattr(machine, "best_card", lambda: "USB")
    monkeypatch.setattr(machine, "alsa_midi_ports", lambda: (["keys"], ["synth"]))
    monkeypatch.setattr(machine, "limits", lambda: machine.RealtimeLimits(95, -1))
    monkeypatch.setattr(machine, "governors", lambda: {"performance"})
    monkeypatch.setattr(machine, "is_tmpfs", lambda _folder: True)
    monkeypatch.setattr(jackd, "shared_memory_problem", lambda: None)
    monkeypatch.setattr(midi_channel, "running", list)
    for name in ("HOME", "XDG_CONFIG_HOME", "XDG_STATE_HOME", "XDG_RUNTIME_DIR"):
        monkeypatch.setenv(name, str(tmp_path))
    controllers = tmp_path / "amsynth" / "controllers"
    controllers.parent.mkdir()
    controllers.write_text(midimap.OURS.text(), encoding="ascii")


def look(tmp_path: Path, exit_code: int, **config: Any) -> dict[str, doctor.Check]:
    """Run `latentd doctor --json` under a configuration (JSON is YAML); its checks by name."""
    file = tmp_path / "config.yaml"
    file.write_text(json.dumps({"listen": f"127.0.0.1:{free_port()}"} | config), encoding="utf-8")
    arguments = ["--config", str(file), "--json"]
    result = CliRunner().invoke(doctor.command, arguments, standalone_mode=False)
    found = json.loads(result.stdout)
    assert (result.return_value, found["can_play"]) == (exit_code, exit_code == 0), found
    return {check["name"]: doctor.Check(**check) for check in found["checks"]}


def test_a_machine_that_has_everything_is_all_green(tmp_path: Path) -> None:
    checks = look(tmp_path, 0)
    assert {name for name, check in checks.items() if check.state != "ok"} == set()
    assert len(checks) == 1 + len(doctor.examine(Config()))  # the configuration


def test_every_problem_has_a_next_step(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(machine, "amsynth_version", lambda: None)
    monkeypatch.setattr(machine, "libjack", lambda: None)
    monkeypatch.setattr(machine, "playback_cards", list)
    monkeypatch.setattr(machine, "alsa_midi_ports", lambda: "no ALSA sequencer (/dev/snd/seq)")
    monkeypatch.setattr(machine, "limits", lambda: machine.RealtimeLimits(0, 8_388_608))
    monkeypatch.setattr(machine, "governors", lambda: {"ondemand"})
    monkeypatch.setattr(machine, "is_tmpfs", lambda _folder: False)
    monkeypatch.setattr(machine, "ask_jack", lambda: "no server is running")
    monkeypatch.setattr(jackd, "shared_memory_problem", lambda: ("/dev/shm is read-only", "Remount it"))
    monkeypatch.setattr(midi_channel, "running", lambda: [RunningSynth(7, "amsynth", 2)])
    (tmp_path / "amsynth" / "config").write_text("ignored_parameters\treverb_wet\n", encoding="ascii")
    (tmp_path / "amsynth" / "controllers").unlink()
    checks = look(tmp_path, 1, model="nowhere", mappings=["no-such-device"], state="/dev/null/state")
    assert {name for name, check in checks.items() if check.state == "bad"} == {
        "amSynth", "JACK", "shared memory", "model", "mappings", "state folder", "MIDI channel",
    }  # fmt: skip
    assert {name for name, check in checks.items() if check.state == "ok"} == {
        "configuration", "Python", "rig", "OSC port", "MIDI library", "port patterns",
    }  # fmt: skip
    assert all(check.step for check in checks.values() if check.state != "ok")


@pytest.mark.parametrize(
    ("programs", "pipewire", "state", "step"),
    [
        (["jackd"], False, "weak", "latentd demo"),
        ([], False, "bad", "sudo apt install jackd2"),
        (["pw-jack"], True, "weak", "pw-jack latentd run"),
    ],
)
def test_without_a_jack_server_the_next_step_starts_one(
    programs: list[str], pipewire: bool, state: str, step: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in programs:
        (tmp_path / name).write_text("#!/bin/sh\n", encoding="utf-8")
        (tmp_path / name).chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr(machine, "ask_jack", lambda: "no server is running")
    monkeypatch.setattr(machine, "jack_is_pipewire", lambda: pipewire)
    check = look(tmp_path, int(state == "bad"))["JACK"]
    assert check.state == state
    assert step in check.step


def test_a_port_that_another_program_holds_is_a_problem(tmp_path: Path) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as other:
        other.bind(("127.0.0.1", 0))
        port = other.getsockname()[1]
        check = look(tmp_path, 1, listen=f"127.0.0.1:{port}")["OSC port"]
    assert check.state == "bad"
    assert check.found.startswith(f"UDP port {port} is taken by ")
    assert f"(pid {os.getpid()})" in check.found
    assert str(port) in check.step


def test_an_address_of_another_machine_is_not_a_taken_port(tmp_path: Path) -> None:
    check = look(tmp_path, 1, listen=f"192.0.2.1:{free_port()}")["OSC port"]
    assert check.state == "bad"
    assert "Cannot assign requested address" in check.found
    assert "latentd ports" in check.step


@pytest.mark.parametrize(
    ("runs", "pipewire", "state"), [(False, False, "bad"), (False, True, "weak"), (True, False, "ok")]
)
def test_shared_memory_that_no_jackd_can_start_with_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, runs: bool, pipewire: bool, state: str
) -> None:
    monkeypatch.setattr(jackd, "shared_memory_problem", lambda: ("/dev/shm has 67 MB free", "Make it larger"))
    monkeypatch.setattr(machine, "pw_jack_needed", lambda: pipewire)
    if not runs:
        monkeypatch.setattr(machine, "ask_jack", lambda: "no server is running")
    check = look(tmp_path, int(state == "bad"))["shared memory"]
    assert check.state == state
    assert state == "ok" or (check.found, check.step) == ("/dev/shm has 67 MB free", "Make it larger")


@contextlib.contextmanager
def a_daemon(
    ways: dict[str, Any],
    output: str = "jack",
    patterns: dict[str, list[str]] | None = None,
    unreached: Sequence[str] = (),
) -> Iterator[str]:
    """What answers like a latentd with these outputs, however long that takes; yields its address."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as daemon, pytest.MonkeyPatch.context() as patient:
        patient.setattr(doctor, "_ANSWER_S", LIMIT_S)
        daemon.bind(("127.0.0.1", 0))
        facts = {"version": "0", "ways": ways, "output": output, "unreached": [*unreached]}
        status = json.dumps(facts | {"patterns_without_port": patterns or {}})

        def answer() -> None:
            while (datagram := daemon.recvfrom(1000))[0]:
                asked = packets.read(datagram[0])[0].address
                answered = ("/latentd/status", status) if asked == "/latentd/status" else ("/latentd/pong",)
                daemon.sendto(packets.write(*answered), datagram[1])

        thread = threading.Thread(target=answer)
        thread.start()
        try:
            yield f"127.0.0.1:{daemon.getsockname()[1]}"
        finally:
            daemon.sendto(b"", daemon.getsockname())
            thread.join()


def test_a_home_that_is_no_landmark_is_named_as_check_does(tmp_path: Path) -> None:
    state = tmp_path / "state"
    state.mkdir()
    check = look(tmp_path, 0, home="intro", state=str(state))["configuration"]
    assert (check.state, "home: found 'intro'; no landmark in" in check.found) == ("weak", True)
    assert "landmark/save intro" in check.step
    (state / "landmarks.json").write_text('{"intro": [0.1, 0.9]}', encoding="utf-8")
    assert look(tmp_path, 0, home="intro", state=str(state))["configuration"].state == "ok"


def test_a_port_that_latentd_holds_is_no_problem(tmp_path: Path) -> None:
    with a_daemon({}) as address:
        check = look(tmp_path, 0, listen=address)["OSC port"]
    assert check.found.startswith("latentd is running on ")


def test_a_daemon_on_a_private_server_shows_that_jack_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(machine, "ask_jack", lambda: "no server is running")
    with a_daemon({"jack": {"running": True}}) as address:
        check = look(tmp_path, 0, listen=address)["JACK"]
    assert (check.state, "the running latentd has one" in check.found) == ("ok", True)


@pytest.mark.parametrize(
    ("ways", "state", "text"),
    [
        ({}, "ok", "latentd is not running"),
        ({"osc": {"connected": True}, "jack": {"running": True, "connected": True}}, "ok", "by osc and jack"),
        (
            {"osc": {"connected": True}, "jack": {"running": True, "connected": False}},
            "bad",
            "is not on latentd's JACK",
        ),
        ({"osc": {"connected": False}, "jack": {"running": True, "connected": False}}, "weak", "waits for a synth"),
        (
            {"osc": {"connected": False, "problem": "amSynth has ended"}, "jack": {"connected": True}},
            "weak",
            "waits for a synth (osc: amSynth has ended)",
        ),
    ],
)
def test_a_running_rig_whose_parts_do_not_reach_each_other_is_named(
    tmp_path: Path, ways: dict[str, Any], state: str, text: str
) -> None:
    with a_daemon(ways, "osc") as address:
        rig = look(tmp_path, int(state == "bad"), listen=address)["rig"]
    assert rig.state == state
    assert text in rig.found
    assert bool(rig.step) == (state != "ok")


@pytest.mark.parametrize("output", ["osc", "jack"])
def test_an_amsynth_that_runs_without_a_port_on_the_server_has_to_be_restarted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, output: str
) -> None:
    synths = [RunningSynth(4711, "amsynth", None), RunningSynth(4712, "other", None)]
    monkeypatch.setattr(midi_channel, "running", lambda: synths)
    ways = {"osc": {"connected": False}, "jack": {"running": True, "connected": False, "problem": "no JACK port"}}
    with a_daemon(ways, output) as address:
        rig = look(tmp_path, 1, listen=address)["rig"]
        assert (rig.state, rig.step) == ("bad", "Restart amSynth while JACK runs")
        assert "amSynth (pid 4711) runs, but is not on latentd's JACK server" in rig.found
        synths.clear()
        rig = look(tmp_path, 0, listen=address)["rig"]
    assert rig.step == "Start amSynth as README.md shows"


def test_patterns_that_match_no_port_are_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    alias = "Arturia-KeyStep-32:midi/playback_1"
    facts = machine.JackFacts(
        "1.9.21", 48000, 128, True, ["system:midi_capture_1"], ["synth:in"], {"system:midi_capture_1": [alias]}
    )
    monkeypatch.setattr(machine, "ask_jack", lambda: facts)
    monkeypatch.setattr(machine, "alsa_midi_ports", lambda: (["Port 10"], ["Port 10"]))
    jack = {"playback": "synth:.*", "sources": [alias], "keyboards": ["system:.*"]}
    assert look(tmp_path, 0, jack=jack, alsa={"inputs": ["port 10"]})["port patterns"].state == "ok"
    jack = {"playback": "system:midi_capture_1", "sources": [alias, "synth:in"], "keyboards": ["nano.*"]}
    check = look(tmp_path, 0, jack=jack, alsa={"inputs": ["Port 1"], "out": "Port 2"})["port patterns"]
    assert check.state == "weak"
    assert "latentd ports" in check.step
    assert check.found.splitlines() == [
        "jack.playback: no port matches 'system:midi_capture_1'",
        "jack.sources: no port matches 'synth:in'",
        "jack.keyboards: no port matches 'nano.*'",
        "alsa.inputs: no port matches 'Port 1'",
    ]
    check = look(tmp_path, 0, output="alsa", jack=jack, alsa={"out": "Port 1"})["port patterns"]
    assert check.found == "alsa.out: no port matches 'Port 1'"


def test_patterns_are_unknown_where_nothing_lists_ports(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(machine, "ask_jack", lambda: "no server is running")
    monkeypatch.setattr(machine, "alsa_midi_ports", lambda: "no ALSA sequencer (/dev/snd/seq)")
    sources, inputs = {"sources": ["nano.*"]}, {"inputs": ["nano"]}
    assert look(tmp_path, 0)["port patterns"].found == "each matches a port"
    assert look(tmp_path, 0, jack=sources)["port patterns"].found == "unknown without a JACK server"
    check = look(tmp_path, 0, jack=sources, alsa=inputs)["port patterns"]
    assert check.found == "unknown without a JACK server and an ALSA sequencer"
    found = look(tmp_path, 0, output="alsa", alsa={"out": "synth"})["port patterns"].found
    assert found == "unknown without an ALSA sequencer"


def test_the_patterns_of_a_running_daemon_count(tmp_path: Path) -> None:
    with a_daemon({"jack": {"connected": True}}, patterns={"jack.sources": ["nano.*"]}) as address:
        check = look(tmp_path, 0, listen=address)["port patterns"]
    assert (check.state, check.found) == ("weak", "jack.sources: no port matches 'nano.*'")


def test_a_daemon_that_is_older_than_the_map_is_reported(tmp_path: Path) -> None:
    with a_daemon({"jack": {"connected": True}}, unreached=amsynth.NAMES[:39]) as address:
        check = look(tmp_path, 0, listen=address)["controllers"]
    assert (check.state, check.step) == ("weak", "Restart amSynth and latentd")
    assert check.found.endswith("controllers is newer than the latentd that runs: its MIDI reaches 2 of 41 parameters")
    (tmp_path / "amsynth" / "controllers").unlink()
    with a_daemon({"jack": {"connected": True}}, unreached=amsynth.NAMES[:39]) as address:
        check = look(tmp_path, 0, listen=address)["controllers"]
    assert "midimap --install" in check.step


def test_an_incomplete_map_is_reported(tmp_path: Path) -> None:
    partial = midimap.from_ccs({"filter_cutoff": 74}).text()
    (tmp_path / "amsynth" / "controllers").write_text(partial, encoding="ascii")
    check = look(tmp_path, 0)["controllers"]
    assert (check.state, "1 of 41" in check.found) == ("weak", True)


def test_words_that_amsynth_does_not_know_are_shown(tmp_path: Path) -> None:
    path = tmp_path / "amsynth" / "controllers"
    path.write_text(midimap.OURS.text().replace("filter_cutoff", "filter_cutof"), encoding="ascii")
    check = look(tmp_path, 0)["controllers"]
    assert check.found == f"MIDI reaches 40 of 41 parameters ({path}; unknown words in it: 'filter_cutof')"


def test_an_unreadable_map_that_is_not_configured_does_not_prevent_playing(tmp_path: Path) -> None:
    path = tmp_path / "amsynth" / "controllers"
    path.unlink()
    path.mkdir()
    check = look(tmp_path, 0)["controllers"]
    assert (check.state, check.found) == ("weak", f"{path}: Is a directory")
    assert check.step


def test_the_channel_is_the_one_that_amsynths_config_names(tmp_path: Path) -> None:
    (tmp_path / "amsynth" / "config").write_text("midi_channel\t3\n", encoding="ascii")
    check = look(tmp_path, 0)["MIDI channel"]
    assert (check.state, check.found) == ("ok", "3")


@pytest.mark.parametrize(("output", "exit_code", "state"), [("jack", 1, "bad"), ("osc", 0, "weak")])
def test_an_amsynth_on_another_channel_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, output: str, exit_code: int, state: str
) -> None:
    monkeypatch.setattr(midi_channel, "running", lambda: [RunningSynth(7, "amsynth", 2)])
    check = look(tmp_path, exit_code, output=output)["MIDI channel"]
    assert check.state == state
    assert check.found == "amSynth (pid 7) was started with -c 2: it ignores MIDI channel 1, on which latentd plays"
    assert check.step == "Set jack.channel to 2 in latentd's configuration"
    assert look(tmp_path, 0, output=output, jack={"channel": 2})["MIDI channel"].state == "ok"


def test_the_channel_of_a_running_daemon_counts(tmp_path: Path) -> None:
    (tmp_path / "amsynth" / "config").write_text("midi_channel\t3\n", encoding="ascii")
    with a_daemon({"jack": {"running": True, "connected": True, "channel": 1}}) as address:
        check = look(tmp_path, 1, listen=address)["MIDI channel"]
    assert "has midi_channel 3" in check.found


def test_parameters_that_amsynth_ignores_in_patches_are_named(tmp_path: Path) -> None:
    config = tmp_path / "amsynth" / "config"
    config.write_text("ignored_parameters\treverb_wet\n", encoding="ascii")
    check = look(tmp_path, 0)["ignored"]
    assert (check.state, "no patch changes reverb_wet (CC 91)" in check.found) == ("ok", True)
    (tmp_path / "amsynth" / "controllers").unlink()
    check = look(tmp_path, 0)["ignored"]
    assert (check.state, "neither a patch nor a CC changes reverb_wet" in check.found) == ("weak", True)
    assert str(config) in check.step
    assert look(tmp_path, 0, output="jack")["ignored"].state == "ok"


def test_a_configured_map_has_to_exist(tmp_path: Path) -> None:
    mine = tmp_path / "mine"
    check = look(tmp_path, 1, controllers=str(mine))["controllers"]
    assert (check.state, check.found) == ("bad", f"{mine}: no such controllers file")
    mine.write_text("hello\n", encoding="ascii")
    assert look(tmp_path, 0, controllers=str(mine))["controllers"].state == "weak"


def test_the_text_has_every_check_and_ends_with_the_result(tmp_path: Path) -> None:
    (tmp_path / "config.yaml").write_text(f"listen: 127.0.0.1:{free_port()}", encoding="utf-8")
    result = CliRunner().invoke(doctor.command, ["--config", str(tmp_path / "config.yaml")], standalone_mode=False)
    assert result.stdout.splitlines()[-1] == "This machine can play."
    assert "amSynth          1.13.2" in result.stdout


def test_all_mistakes_in_the_mappings_are_listed_at_once(tmp_path: Path) -> None:
    (tmp_path / "xy.yaml").write_text("title: t\ntuio: {version: 3}\n", encoding="utf-8")
    check = look(tmp_path, 1, mappings=["xy", "./xy.yaml", "no-such-device"])["mappings"]
    alike, version, unknown = check.found.splitlines()
    assert "same name" in alike and "tuio.version" in version and "no-such-device" in unknown
    assert "latentd check" in check.step


def test_mistakes_in_the_configuration_do_not_hide_the_other_checks(tmp_path: Path) -> None:
    file = tmp_path / "config.yaml"
    check = look(tmp_path, 1, modle="x", feedback_port=0)
    assert check["configuration"].found.count(f"{file}:1: ") == 2
    assert check["configuration"].step.startswith(f"latentd check --config {file} ")
    assert (check["model"].state, len(check)) == ("ok", 1 + len(doctor.examine(Config())))


def test_the_users_configuration_is_named_and_checked(tmp_path: Path) -> None:
    own = tmp_path / "latentd" / "config.yaml"

    def output() -> tuple[int, list[str]]:
        result = CliRunner().invoke(doctor.command, [], standalone_mode=False)
        return result.return_value, result.stdout.splitlines()

    assert output()[1][0] == "ok    configuration    the defaults"
    own.parent.mkdir()
    own.write_text(f"listen: 127.0.0.1:{free_port()}")
    assert output()[1][0] == f"ok    configuration    {own}"
    own.write_text("modle: x\noutput: ocs")
    code, lines = output()
    assert code == 1
    assert lines[0] == f"bad   configuration    {own}:1: modle: unknown key; did you mean model?"
    assert lines[1].strip().startswith(f"{own}:2: output: ")
    assert lines[2].strip().startswith("-> latentd check (")
