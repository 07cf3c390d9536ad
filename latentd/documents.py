"""YAML files checked against a pydantic model: all mistakes at once, each with its line and the nearest right key."""

from __future__ import annotations

import difflib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, TypeVar, get_args

import yaml
from pydantic import BaseModel, ConfigDict, ValidationError

from latentd.errors import UserError

M = TypeVar("M", bound=BaseModel)
Path_ = tuple[str | int, ...]


class Strict(BaseModel):
    """Base of every section: unknown keys are mistakes, values are never mutated after reading."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


class DocumentErrors(UserError):
    """All the mistakes of one file; `faults` holds one line for each."""

    def __init__(self, faults: Sequence[str]) -> None:
        super().__init__("\n".join(faults))
        self.faults = tuple(faults)


def read_document(path: Path, model: type[M]) -> M:
    """Read one YAML file as `model`.

    Raises:
        DocumentErrors: every mistake in the file, one line each:
            `FILE:LINE: KEY: found VALUE; ALLOWED; did you mean NEAREST?`
        UserError: the file cannot be read.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except OSError as error:
        raise UserError(f"{path}: {error.strerror or error}", "Check the file's name") from error
    except UnicodeDecodeError as error:
        raise UserError(f"{path}: not UTF-8 text ({error.reason})", "Save it as UTF-8") from error
    return parse_document(text, str(path), model)


def parse_document(text: str, name: str, model: type[M]) -> M:
    """`read_document` for a text already in memory; `name` stands for the file in messages."""
    faults: list[str] = []
    lines: dict[Path_, int] = {}
    try:
        node = yaml.compose(text, Loader=yaml.SafeLoader)
        if node is not None:
            _index(node, (), lines, faults, name)
        data = yaml.safe_load(text)
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        line = f":{mark.line + 1}" if mark else ""
        problem = getattr(error, "problem", None) or "not valid YAML"
        raise DocumentErrors([f"{name}{line}: {problem}"]) from error
    except RecursionError as error:
        raise DocumentErrors([f"{name}: nested too deeply"]) from error
    try:
        document = model.model_validate({} if data is None else data)
    except ValidationError as error:
        faults += [_fault(name, lines, model, dict(item), data) for item in error.errors()]
        document = None
    if document is None or faults:
        raise DocumentErrors(sorted(dict.fromkeys(faults), key=_line_of))
    return document


def _index(node: yaml.Node, at: Path_, lines: dict[Path_, int], faults: list[str], name: str) -> None:
    """Remember the line of every key and item, and report keys that stand twice."""
    lines.setdefault(at, node.start_mark.line + 1)
    if isinstance(node, yaml.MappingNode):
        for key, value in node.value:
            where = (*at, str(key.value))
            line = key.start_mark.line + 1
            if where in lines:
                faults.append(f"{name}:{line}: {_dotted(where)}: stands twice, first in line {lines[where]}")
            lines[where] = line
            _index(value, where, lines, faults, name)
    elif isinstance(node, yaml.SequenceNode):
        for i, value in enumerate(node.value):
            _index(value, (*at, i), lines, faults, name)


def _fault(name: str, lines: dict[Path_, int], model: type[BaseModel], item: dict[str, Any], data: Any) -> str:
    at: Path_ = tuple(part for part in item["loc"] if _exists(part, lines) or part == item["loc"][-1])
    line = next((lines[at[:n]] for n in range(len(at), -1, -1) if at[:n] in lines), 1)
    where = _dotted(at) or "the file"
    kind = item["type"]
    if kind == "extra_forbidden":
        known = _keys_at(data, at[:-1], model)
        near = difflib.get_close_matches(str(at[-1]), known, n=1)
        advice = f"did you mean {near[0]}?" if near else f"known keys: {', '.join(known)}" if known else ""
        return f"{name}:{line}: {where}: unknown key" + (f"; {advice}" if advice else "")
    if kind == "missing":
        return f"{name}:{line}: {where}: missing"
    message = str(item["msg"]).removeprefix("Value error, ")
    message = message[:1].lower() + message[1:]
    allowed = _choices(item)
    found = _shown(item.get("input"))
    near = difflib.get_close_matches(str(item.get("input")), allowed, n=1)
    return f"{name}:{line}: {where}: found {found}; {message}" + (f"; did you mean {near[0]}?" if near else "")


def _exists(part: str | int, lines: dict[Path_, int]) -> bool:
    """Pydantic puts the names of union branches into a location; only real keys and indexes stay."""
    return any(part in path for path in lines)


def _keys_at(data: Any, at: Path_, model: type[BaseModel]) -> list[str]:
    """The keys that the model knows at this place of the document."""
    current: Any = model
    for part in at:
        current = _step(current, part, data)
        if isinstance(data, Mapping):
            data = data.get(part)
        elif isinstance(data, list) and isinstance(part, int) and part < len(data):
            data = data[part]
        if current is None:
            return []
    return sorted({key for m in _models(current, data) for key in _names(m)})


def _names(model: type[BaseModel]) -> list[str]:
    return [field.alias or key for key, field in model.model_fields.items()]


def _step(current: Any, part: str | int, data: Any) -> Any:
    for model in _models(current, data):
        for key, field in model.model_fields.items():
            if (field.alias or key) == part:
                return field.annotation
    args = get_args(current)
    return args[-1] if args else None


def _models(annotation: Any, data: Any) -> list[type[BaseModel]]:
    """The models inside an annotation, narrowed by a literal field that the data fills (a tagged union)."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return [annotation]
    found = [m for arg in get_args(annotation) for m in _models(arg, data)]
    if isinstance(data, Mapping) and len(found) > 1:
        fits = [m for m in found if all(_literal_fits(m, key, value) for key, value in data.items())]
        return fits or found
    return found


def _literal_fits(model: type[BaseModel], key: Any, value: Any) -> bool:
    field = model.model_fields.get(str(key))
    if field is None:
        return True
    args = get_args(field.annotation)
    return not args or not all(isinstance(a, str) for a in args) or value in args


def _choices(item: dict[str, Any]) -> list[str]:
    expected = item.get("ctx", {}).get("expected", "")
    return [part.strip(" '") for part in str(expected).replace(" or ", ",").split(",") if part.strip(" '")]


def _dotted(at: Path_) -> str:
    text = ""
    for part in at:
        text += f"[{part}]" if isinstance(part, int) else f".{part}" if text else str(part)
    return text


def _shown(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 60 else text[:57] + "..."


def _line_of(fault: str) -> tuple[int, str]:
    for part in fault.split(":"):
        if part.strip().isdigit():
            return int(part), fault
    return 0, fault
