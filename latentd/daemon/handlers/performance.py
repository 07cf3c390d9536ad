"""Messages that let the point move by itself, silence the synth, or take the last change back."""

from __future__ import annotations

from latentd.daemon.context import Call
from latentd.errors import LatentdError, UserError
from latentd.instrument.motion import MAX_RECORDED, Playback, Recording, Wander


def wander(call: Call, on: bool) -> None:
    """Walk over the pad, or stop."""
    engine = call.engine
    if on:
        engine.begin(Wander(engine.xy or engine.gesture.xy, call.now), call.now)
    elif isinstance(engine.motion, Wander):
        engine.motion = None


def notes(call: Call, on: bool) -> None:
    """Play the configured notes, or end them."""
    own = call.context.host.notes
    if not own.what:
        raise UserError("no notes are configured", "Set `notes:` in the configuration, then restart latentd")
    own.switch(on, call.now)


def record(call: Call, on: bool) -> None:
    """Begin or end recording the gesture."""
    engine = call.engine
    if on:
        full = LatentdError(f"{MAX_RECORDED} points are recorded, the rest is not", "Send /latentd/record 0, then play")
        engine.recording = Recording(lambda: call.refuse(full))
    elif engine.recording is not None:
        call.context.recording, engine.recording = engine.recording, None


def play(call: Call, on: bool) -> None:
    """Play the recorded gesture in a loop, or stop."""
    engine, recording = call.engine, call.context.recording
    if not on:
        if isinstance(engine.motion, Playback):
            engine.motion = None
        return
    if recording is None or not recording.points:
        raise UserError("nothing is recorded", "Send /latentd/record 1, move, then /latentd/record 0")
    engine.begin(Playback(recording, call.now), call.now)


def panic(call: Call) -> None:
    """Stop what moves by itself, and end every note."""
    call.engine.motion = None
    call.context.host.panic(call.now)


def undo(call: Call) -> None:
    """Take the last change back."""
    call.context.history.undo(call)
