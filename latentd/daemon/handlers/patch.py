"""Messages about single parameters, and about the whole patch."""

from __future__ import annotations

from latentd.daemon.arguments import WrongValueError
from latentd.daemon.context import Call
from latentd.errors import UserError
from latentd.synth import banks
from latentd.synth.amsynth import INDEX, MINIMUM, SPAN

_ROUNDING = 1e-5  # of a parameter's span: a limit may come as a float of 32 bits


def param(call: Call, name: str, value: float) -> None:
    """Hold a parameter at a value in the synth's units."""
    index = INDEX[name]
    low, span = float(MINIMUM[index]), float(SPAN[index])
    if not -_ROUNDING <= (value - low) / span <= 1.0 + _ROUNDING:
        raise WrongValueError(f"{name} takes {low:g} to {low + span:g}")
    _undo_with_own(call)
    call.engine.shaping.tweak(index, (value - low) / span)


def lock(call: Call, name: str, on: bool) -> None:
    """Hold a parameter where it is, or give it back to the input."""
    _undo_with_own(call)
    if on:
        call.engine.shaping.lock(INDEX[name])
    else:
        call.engine.shaping.tweak(INDEX[name], None)


def save(call: Call, name: str) -> None:
    """Write what the synth holds as a bank file of one preset."""
    patch = call.engine.patch()
    if patch is None:
        raise UserError("there is no sound to save yet", "Move the point first")
    bank = banks.Bank((banks.Preset.from_patch(name, patch),))
    call.write(f"banks/{name}.bank", lambda: bank.to_text().encode(), lambda: call.reply("/latentd/saved", name))


def _undo_with_own(call: Call) -> None:
    before = call.engine.shaping.own_values()
    call.undo_with(lambda undo: undo.engine.shaping.take_own(before))
