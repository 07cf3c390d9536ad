"""Messages about single parameters, and about the whole patch."""

from __future__ import annotations

from collections.abc import Callable

from latentd.daemon.arguments import WrongValueError
from latentd.daemon.context import Call
from latentd.daemon.state_folder import BANKS
from latentd.errors import LatentdError, UserError
from latentd.instrument.shaping import WHOLE
from latentd.synth import banks, units
from latentd.synth.amsynth import INDEX, MINIMUM, SPAN

MAX_BANKS = 512  # a performer who saves every sound of a year still finds one; a runaway script stops here
_ROUNDING = 1e-5  # of a parameter's span: a limit may come as a float of 32 bits


def param(call: Call, name: str, value: float) -> None:
    """Hold a parameter at a value in the synth's units."""
    index = INDEX[name]
    low, span = float(MINIMUM[index]), float(SPAN[index])
    if not -_ROUNDING <= (value - low) / span <= 1.0 + _ROUNDING:
        raise WrongValueError(f"{name} takes {low:g} to {low + span:g}")
    call.undo_with(_back(call, index), gesture=index)
    call.engine.shaping.tweak(index, (value - low) / span)


def lock(call: Call, name: str, on: bool) -> None:
    """Hold a parameter where it is, or give it back to the input."""
    call.undo_with(_back(call, INDEX[name]))
    if on:
        call.engine.shaping.lock(INDEX[name])
    else:
        call.engine.shaping.tweak(INDEX[name], None)


def limit(call: Call, name: str, low: float | None, high: float | None) -> None:
    """Keep a parameter between two amounts of its musical unit; without both, its whole range is free again."""
    try:
        limits = units.params_range(name, low, high)
    except ValueError as error:
        raise WrongValueError(str(error)) from error
    shaping, index = call.engine.shaping, INDEX[name]
    before = shaping.limits.get(index, WHOLE)

    def back(undo: Call) -> None:
        undo.engine.shaping.take_limits(undo.engine.shaping.limits | {index: before})

    call.undo_with(back, gesture=("limit", index))
    shaping.take_limits(shaping.limits | {index: limits})


def limit_low(call: Call, name: str, low: float | None) -> None:
    """Move the lower end of a limit."""
    limit(call, name, low, _limit_ends(call, name)[1])


def limit_high(call: Call, name: str, high: float | None) -> None:
    """Move the upper end of a limit."""
    limit(call, name, _limit_ends(call, name)[0], high)


def _limit_ends(call: Call, name: str) -> tuple[float | None, float | None]:
    return units.amounts(name, *call.engine.shaping.limits.get(INDEX[name], WHOLE))


def save(call: Call, name: str) -> None:
    """Write what the synth holds as a bank file of one preset."""
    patch = call.engine.patch()
    if patch is None:
        raise UserError("there is no sound to save yet", "Move the point first")
    bank = banks.Bank((banks.Preset.from_patch(name, patch),))
    folder = call.context.folder / BANKS

    def data() -> bytes:
        """In the background thread."""
        if not (folder / f"{name}.bank").exists() and len(list(folder.glob("*.bank"))) >= MAX_BANKS:
            raise LatentdError(f"{folder} holds {MAX_BANKS} banks", "Move some away, or save under one of their names")
        return bank.to_text().encode()

    call.write(f"{BANKS}/{name}.bank", data, lambda: call.reply("/latentd/saved", name))


def _back(call: Call, index: int) -> Callable[[Call], None]:
    """What gives a parameter back to the input, or to the hand that holds it now."""
    own = call.engine.shaping.own_values()
    before = {index: own[index]} if index in own else {}

    def back(undo: Call) -> None:
        present = undo.engine.shaping.own_values()
        present.pop(index, None)
        undo.engine.shaping.take_own(present | before)

    return back
