"""The message that loads another model, and its undo: both load in the background while the present one plays."""

from __future__ import annotations

import logging
from typing import Any

from latentd.daemon.context import Call
from latentd.errors import LatentdError, UserError
from latentd.model import loading

log = logging.getLogger(__name__)


class _Change:
    """A change of model as the history keeps it: the folder of the model before, not the model itself."""

    def __init__(self) -> None:
        self.before: str | None = None  # unknown until the new model plays
        self.undone = False

    def __call__(self, undo: Call) -> None:
        """Load the model before; or, where the new one is still being loaded, leave that."""
        self.undone = True
        if self.before is not None:
            _load(undo, self.before, None)


def model(call: Call, name: str) -> None:
    """Play another model."""
    change = _Change()
    _load(call, name, change)
    call.undo_with(change)


def _load(call: Call, name_or_path: str, change: _Change | None) -> None:
    """Load a model and play it; a failure is answered. `change` learns what played before."""

    def loaded(result: Any) -> None:
        engine = call.engine
        if isinstance(result, Exception):
            if change is not None:
                call.context.history.discard(change)
            call.refuse(result if isinstance(result, LatentdError) else LatentdError(f"{name_or_path}: {result}"))
            return
        if change is not None:
            if change.undone:
                call.refuse(UserError(f"{result.name} was undone before it was loaded"))
                return
            change.before = str(engine.model.folder.absolute())
        engine.use_model(result)
        call.reply("/latentd/loaded", result.name)
        log.info("model %s, wanted by %s", result.name, call.sender.host)

    call.in_background(lambda: loading.load(name_or_path), loaded)
