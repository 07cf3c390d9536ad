"""Mistakes that others mask: the data are repaired, layer by layer, and checked again.

Pydantic checks a section's own rules only if all of its keys are right, and never looks into a section with a
misspelled name. So that one run lists all mistakes, a misspelled key is corrected, and a wrong or missing value is
replaced by its field's example. Mistakes found after that count, unless a replacement may have caused them.
"""

from __future__ import annotations

import copy
from collections.abc import Sequence
from typing import Any

from pydantic import BaseModel, ValidationError

from latentd.schema import messages
from latentd.schema.messages import Keys, Mistake

_MAX_LAYERS = 10


def mistakes(known: Sequence[Mistake], data: Any, model: type[BaseModel]) -> list[Mistake]:
    """The mistakes in `data` that the `known` ones mask, located by the document's own keys."""
    repair = _Repair(copy.deepcopy(data), model)
    found: list[Mistake] = []
    newest = known
    for _ in range(_MAX_LAYERS):
        if not repair.apply(newest):
            break
        try:
            model.model_validate(repair.data)
        except ValidationError as error:
            newest = messages.mistakes(error, repair.data, model)
            found += [m for m in newest if repair.is_certain(m)]
        else:
            break
    for mistake in found:
        mistake.at = repair.as_typed(mistake.at)
    return found


class _Repair:
    """Data whose mistakes are removed, a layer at a time.

    Attributes:
        data: as repaired so far; changed in place.
    """

    def __init__(self, data: Any, model: type[BaseModel]) -> None:
        self.data = data
        self._model = model
        self._replaced: set[Keys] = set()
        self._spelled: dict[Keys, str] = {}  # place of a corrected key -> the key as typed

    def apply(self, found: Sequence[Mistake]) -> bool:
        """Remove these mistakes; False if that changed nothing."""
        changed = [self._spell(m) for m in found if m.kind == "extra_forbidden"]
        wrong = {m.at: m.kind for m in found if m.kind != "extra_forbidden"}
        before = set(self._replaced)
        for at, kind in wrong.items():
            around = [at[:n] for n in range(len(at))]
            gone = any(place in self._replaced - before for place in (*around, at))  # by another of this layer
            spelled = kind == "missing" and at in self._spelled
            if not gone and not spelled and not any(place in wrong for place in around):
                changed.append(self._replace(at))
        return any(changed)

    def _spell(self, mistake: Mistake) -> bool:
        """Correct a misspelled key; drop one that resembles no known key."""
        around = self._get(mistake.at[:-1])
        key = _key(around, mistake.at[-1])
        if key is None:
            return False
        near, value = mistake.near(), around.pop(key)
        if near is not None and near not in around:
            around[near] = value
            self._spelled[*mistake.at[:-1], near] = str(key)
        return True

    def _replace(self, at: Keys) -> bool:
        """Replace what is wrong or missing at a place; if that is not possible, replace what contains the place."""
        if not at:
            return False
        around = self._get(at[:-1])
        again = at in self._replaced  # the first attempt did not help
        self._replaced.add(at)
        if isinstance(around, list):
            replaced = not again and self._replace_item(around, at)
        else:
            replaced = isinstance(around, dict) and self._replace_value(around, at, again)
        return replaced or self._replace(at[:-1])

    def _replace_item(self, around: list[Any], at: Keys) -> bool:
        """Replace an item by the first item of the list's example, so that the others keep their places."""
        info = messages.field(self._model, at[:-1])
        example = info.examples[0] if info is not None and info.examples else None
        if not isinstance(example, list):
            return False
        around[int(at[-1])] = copy.deepcopy(example[0])
        return True

    def _replace_value(self, around: dict[Any, Any], at: Keys, again: bool) -> bool:
        """Replace a value by its field's example, or remove it so that the default counts."""
        info = messages.field(self._model, at)
        if info is not None and info.examples and not again:
            around[at[-1]] = copy.deepcopy(info.examples[0])
            return True
        key = _key(around, at[-1])
        if key is None:
            return False
        del around[key]
        return True

    def is_certain(self, mistake: Mistake) -> bool:
        """False for a mistake that a replacement may have caused; of several clashes the certain ones stay."""
        at = mistake.at
        if any(at[: len(place)] == place for place in self._replaced):
            return False
        if mistake.clashes:
            mistake.clashes = tuple(c for c in mistake.clashes if not any(self._is_touched(at, k) for k in c.keys))
            return bool(mistake.clashes)
        return not any(place[: len(at)] == at for place in self._replaced)

    def _is_touched(self, at: Keys, key: str) -> bool:
        """Is the value at `key` (as `messages.*.x`) of the section at `at`, or one that contains it, a replacement?"""
        parts = key.split(".")
        below = [place[len(at) :] for place in self._replaced if place[: len(at)] == at]
        return any(
            len(place) <= len(parts) and all(w in ("*", str(p)) for w, p in zip(parts, place, strict=False))
            for place in below
        )

    def as_typed(self, at: Keys) -> Keys:
        """A place in the document's own spelling."""
        return tuple(self._spelled.get(at[: i + 1], part) for i, part in enumerate(at))

    def _get(self, at: Keys) -> Any:
        """The value at a place; None if it is gone."""
        data = self.data
        for part in at:
            if isinstance(data, list):
                data = data[part] if isinstance(part, int) and part < len(data) else None
            else:
                key = _key(data, part)
                data = None if key is None else data[key]
        return data


def _key(around: Any, part: str | int) -> Any:
    """The key of a map that reads `part` as text; None if there is none. Keys of YAML may be numbers, too."""
    return next((key for key in around if str(key) == part), None) if isinstance(around, dict) else None
