"""`latentd status`: what its page shows and what it leaves out."""

from __future__ import annotations

from typing import Any

from latentd.cli.status import page
from latentd.synth.amsynth import DEFAULT, NAMES

TIMES = {"count": 9, "p50_ms": 0.41, "p99_ms": 1.2, "p999_ms": 1.3, "max_ms": 1.5, "jitter_ms": 0.1}
JACK = {
    "running": True, "connected": False, "stalled": False, "problem": "", "period_frames": 128, "rate_hz": 48000,
    "xruns": 0, "child_pid": 4711, "refused": 0, "notes_lost": 0,
}  # fmt: skip
OSC = {
    "connected": True,
    "address": "127.0.0.1:9191",
    "acknowledged": 40,
    "strays": 2,
    "retried": 3,
    "round_trip": TIMES,
}


def shown(**changes: Any) -> str:
    facts: dict[str, Any] = {
        "version": "0.1.0", "listen": "127.0.0.1:8000", "uptime_s": 3725.2, "model": "first", "output": "osc",
        "why": "amSynth answers on its own OSC interface", "mappings": ["xy", "/home/me/my-pad.yaml"],
        "xy": [0.25, 0.75], "source": "xy", "touch": True, "frozen": False, "nearest": "Sweet Bass", "landmarks": [],
        "own": {}, "limits": {},
        "patch": dict(zip(NAMES, DEFAULT.tolist(), strict=True)), "latency": TIMES, "lateness": TIMES,
        "turns": TIMES | {"long": 0, "longest": ""},
        "counters": {"received": 61, "used": 40, "superseded": 0, "unmapped": 2, "sent": 0, "withheld": 0},
        "ways": {"osc": OSC, "jack": JACK}, "motion": "", "idle": "waiting", "notes": {"plays": "", "state": "off"},
        "patterns_without_port": {}, "unreached": [],
    } | changes  # fmt: skip
    return page(facts)


def test_frozen_held_and_landmarks_are_shown_only_when_there_are_any() -> None:
    text = shown()
    assert not any(f"\n{key} " in text for key in ("frozen", "held", "landmarks"))
    assert "limits" not in text
    assert "unreached" not in text
    assert "unreached 2 of 41 parameters (amp_attack, reverb_wet): run `latentd midimap --install`, then" in " ".join(
        shown(unreached=["amp_attack", "reverb_wet"]).split()
    )
    assert "39 of 41 parameters (amp_attack, amp_decay, amp_sustain, amp_release …)" in " ".join(
        shown(unreached=NAMES[:39]).split()
    )
    limits = {"osc2_detune": [-12.0, 12.0], "amp_sustain": [-20.0, None], "filter_resonance": [None, 0.5]}
    assert "osc2_detune from -12 to 12 cents, amp_sustain from -20 dB, filter_resonance to 0.5" in " ".join(
        shown(limits=limits).split()
    )
    text = shown(frozen=True, own={"filter_cutoff": 0.5, "osc1_waveform": 0.0}, landmarks=["intro", "storm"])
    assert "\nfrozen    all input is ignored" in text
    assert "\nheld      filter_cutoff 1.5, osc1_waveform " in text
    assert "\nlandmarks intro, storm" in text


def test_an_amsynth_that_answers_and_is_not_on_the_server_is_said_to_be_unheard_in_the_first_place() -> None:
    heard = "\noutput    osc: amSynth answers on its own OSC interface\n"
    assert heard in shown(ways={"osc": OSC, "jack": JACK | {"connected": True}})
    assert heard in shown(ways={"osc": OSC, "jack": JACK | {"running": False}})
    assert heard in shown(ways={"osc": OSC})
    assert "\noutput    osc: amSynth answers, but is not heard: it is not on the JACK server." in shown(
        ways={"osc": OSC, "jack": JACK}
    )
    jack = shown(output="jack", why="MIDI through JACK", ways={"jack": JACK})
    assert "\noutput    jack: not connected to a synth; MIDI through JACK\n" in jack


def test_what_the_rig_does_by_itself_is_shown_only_when_it_does() -> None:
    text = shown()
    assert not any(f"\n{key} " in text for key in ("motion", "notes"))
    text = shown(motion="wander", idle="moving", notes={"plays": "night.mid", "state": "waiting for the synth"})
    assert "\nmotion    wander, because nobody plays\n" in text
    assert "\nnotes     night.mid: waiting for the synth\n" in text
    assert "\nmotion    playback\n" in shown(motion="playback")


def test_zero_counters_are_left_out_and_problems_are_shown() -> None:
    text = shown()
    assert "messages  received 61, used 40, unmapped 2, sent 0\n" in text
    assert "retried 3" in text
    assert not any(word in text for word in ("strays", "child", "withheld", "superseded", "xruns", "_"))


def test_patterns_without_a_port_are_shown_only_when_there_are_any() -> None:
    assert "no port" not in shown()
    text = shown(patterns_without_port={"jack.sources": ["nano.*", "KeyStep"], "alsa.inputs": ["LPD8"]})
    assert "\nno port   jack.sources: 'nano.*', 'KeyStep'; alsa.inputs: 'LPD8'\n" in text


def test_an_unused_output_is_left_out() -> None:
    assert "\njack " not in shown(ways={"osc": OSC, "jack": JACK | {"running": False}})
    text = shown(output="jack", ways={"osc": OSC | {"connected": False}, "jack": JACK | {"problem": "no server"}})
    assert "\nosc " not in text
    assert "\njack      not connected, 128 frames at 48000 Hz, no server" in text


def test_long_turns_are_shown_with_what_they_did() -> None:
    short = TIMES | {"long": 0, "longest": ""}
    assert "\nturns     half within 0.41 ms, 99 % 1.20, 99.9 % 1.30, longest 1.50\n" in shown(turns=short)
    assert "\nturns" not in shown(turns=short | {"count": 0})
    longest = "46 ms (7 ms on the processor), 40 ms of it for /latentd/save from 10.0.0.2:5000"
    text = " ".join(shown(turns=TIMES | {"long": 3, "longest": longest}).split())
    assert f"longest 1.50; 3 took 20 ms or more; the longest {longest} " in text


def test_every_line_fits_80_columns_also_before_the_first_point() -> None:
    full = shown(landmarks=[f"place {i}" for i in range(40)], own=dict.fromkeys(NAMES, 0.0))
    empty = shown(xy=None, patch=None, source="", nearest="", own={"master_vol": 1.0}, latency=TIMES | {"count": 0})
    assert all(len(line) <= 80 for line in (full + "\n" + empty).splitlines())
    assert "point     none yet" in empty


def test_the_uptime_has_its_two_largest_units() -> None:
    assert [shown(uptime_s=s).splitlines()[0].partition("up ")[2] for s in (0.4, 59, 61, 3725, 90000, 86400)] == [
        "0 s", "59 s", "1 min 1 s", "1 h 2 min", "1 d 1 h", "1 d 0 h",
    ]  # fmt: skip
