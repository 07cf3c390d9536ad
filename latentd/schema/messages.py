"""The mistakes of a YAML document, one line each: key, value found, what is allowed."""

from __future__ import annotations

import difflib
import functools
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple, get_args

import yaml
from pydantic import BaseModel, Tag, ValidationError
from pydantic.fields import FieldInfo

from latentd.schema import scalars

Line = tuple[int, str]  # line number from 1, message
Keys = tuple[str | int, ...]  # path into a document: keys of maps as text, indexes of lists as numbers

# Pydantic's type of error -> what is allowed. All others keep pydantic's words.
_ALLOWED = {
    "greater_than": "must be above {gt}",
    "greater_than_equal": "must be at least {ge}",
    "less_than": "must be below {lt}",
    "less_than_equal": "must be at most {le}",
    "int_type": "must be a whole number",
    "int_parsing": "must be a whole number",
    "int_from_float": "must be a whole number",
    "float_type": "must be a number",
    "float_parsing": "must be a number",
    "finite_number": "must be a finite number",
    "bool_type": "must be true or false",
    "bool_parsing": "must be true or false",
    "string_type": "must be text",
    "list_type": "must be a list",
    "tuple_type": "must be a list",
    "dict_type": "must be a map",
    "string_too_short": "must have at least {min_length} characters",
    "string_too_long": "must have at most {max_length} characters",
    "too_short": "must have at least {min_length} items",
    "too_long": "must have at most {max_length} items",
    "literal_error": "must be {expected}",
}

# The patterns in our models, in words.
_PATTERNS = {
    r"^/\S*$": "must start with / and hold no spaces",
    "^[ifhd]{1,32}$": "must be one letter of i, f, h, d for each argument",
}


class Places:
    """The line of every key and item of a document, and what its author typed there.

    Attributes:
        aliases: the document has some.
        misread: keys and items with a number that YAML 1.1 reads in another base than ten.
    """

    def __init__(self) -> None:
        self._lines: dict[Keys, int] = {(): 1}
        self._typed: dict[Keys, str] = {}
        self._seen: set[int] = set()
        self.aliases = False
        self.misread: set[Keys] = set()

    def index(self, node: yaml.Node, at: Keys = ()) -> list[Line]:
        """Note everything below `node`; returns the keys that are listed twice, the aliases and the misread numbers."""
        if id(node) in self._seen:
            self.aliases = True
            return [(self.line(at), f"{dotted(at)}: an alias (*); write the value out")]
        self._seen.add(id(node))
        found: list[Line] = []
        if isinstance(node, yaml.MappingNode):
            for key, value in node.value:
                where = (*at, str(key.value))
                line = _line(key)
                if where in self._lines:
                    found.append((line, f"{dotted(where)}: listed twice, first in line {self._lines[where]}"))
                self._lines[where] = line
                found += self._check(key, where)
                if key.tag not in (scalars.TEXT, scalars.INTEGER) and isinstance(key, yaml.ScalarNode):
                    key.tag = scalars.TEXT  # `on:` is a key that is called on
                found += self.index(value, where)
        elif isinstance(node, yaml.SequenceNode):
            for i, value in enumerate(node.value):
                self._lines[*at, i] = _line(value)
                found += self.index(value, (*at, i))
        elif isinstance(node, yaml.ScalarNode):
            found += self._check(node, at)
            if node.style is None and node.tag != scalars.TEXT:
                self._typed[at] = node.value
        return found

    def _check(self, node: yaml.Node, at: Keys) -> list[Line]:
        """A number that YAML 1.1 misreads, if it is one."""
        advice = scalars.misread(node)
        if advice is None:
            return []
        self.misread.add(at)
        return [(_line(node), f"{dotted(at)}: {advice}")]

    def shown(self, at: Keys, value: Any) -> str:
        """A value for a message: as typed, or in quotes if it is text."""
        text = self._typed.get(at) or ("nothing" if value is None else repr(value))
        return text if len(text) <= 60 else text[:57] + "..."

    def is_typed(self, at: Keys) -> bool:
        """The author typed a number, a truth value or null there, without quotes."""
        return bool(self._typed.get(at))

    def line(self, at: Keys) -> int:
        """The line of a key or item, or of the nearest one around it."""
        return next(self._lines[at[:n]] for n in range(len(at), -1, -1) if at[:n] in self._lines)


def _line(node: yaml.Node) -> int:
    """The line of a node; 0 for one that comes from an option."""
    return node.start_mark.line + 1 if node.start_mark else 0


class Clash(NamedTuple):
    """Keys of one section that contradict each other.

    Attributes:
        what: the rule, in words.
        keys: the keys whose values the rule compares, as `bits` or `messages.*`; if one of them is wrong, the rule does
            not apply. Empty for a rule about which keys are present; the fields of these keys must have examples.
    """

    what: str
    keys: tuple[str, ...] = ()


class Clashes(ValueError):
    """All clashes of one section."""

    def __init__(self, found: Sequence[Clash]) -> None:
        super().__init__("; ".join(clash.what for clash in found))
        self.found = tuple(found)


class Mistake:
    """One of pydantic's errors, located by the document's own keys."""

    def __init__(self, item: Mapping[str, Any], data: Any, model: type[BaseModel]) -> None:
        self.kind: str = item["type"]
        self.input = item.get("input")
        self.context: Mapping[str, Any] = item.get("ctx", {})
        self.message: str = item["msg"]
        self.at, self.branched, self.annotation = _locate(item["loc"], data, model)
        self.of_list = isinstance(item["loc"][-1], int) if item["loc"] else False
        self.of_key = item["loc"][-1:] == ("[key]",)  # the key itself is wrong, in a map with free keys
        error = self.context.get("error")
        self.clashes = error.found if isinstance(error, Clashes) else ()

    def allowed(self) -> str:
        """What would be right."""
        if self.kind in ("model_type", "model_attributes_type"):
            return f"must be a map with keys such as {', '.join(_keys(self.annotation)[:8])}"
        if self.kind == "string_pattern_mismatch":
            return _PATTERNS.get(self.context["pattern"], "must match {pattern}".format(**self.context))
        if self.kind == "list_type" and isinstance(self.input, (str, int, float)):
            return f"must be a list, as [{self.input}]"
        if self.kind == "missing":  # from a list; `describe` handles missing keys
            return f"needs {len(get_args(self.annotation))} values"
        if self.kind in _ALLOWED:
            return _ALLOWED[self.kind].format(**self.context)
        message = self.message.removeprefix("Value error, ")
        return message[:1].lower() + message[1:]

    def near(self) -> str | None:
        """The known key that an unknown one resembles; None if it resembles none."""
        return next(iter(difflib.get_close_matches(str(self.at[-1]), _keys(self.annotation), n=1)), None)

    def choices(self) -> list[str]:
        """The allowed words, if only certain words are allowed."""
        expected = str(self.context.get("expected", "")) if self.kind == "literal_error" else ""
        return [part.strip(" '") for part in expected.replace(" or ", ",").split(",") if part.strip(" '")]


def mistakes(error: ValidationError, data: Any, model: type[BaseModel]) -> list[Mistake]:
    """Pydantic's errors about `data`."""
    return [Mistake(item, data, model) for item in error.errors(include_url=False)]


def describe(mistakes: Sequence[Mistake], places: Places) -> list[Line]:
    """One line for each mistake. Misread numbers are left out: `Places.index` reports them."""
    unknown = [m for m in mistakes if m.kind == "extra_forbidden"]
    others = [m for m in mistakes if m.kind != "extra_forbidden" and m.at not in places.misread]
    meant = {(*m.at[:-1], m.near()) for m in unknown}
    lines: list[Line] = [(places.line(m.at), _unknown(m)) for m in unknown]
    for at, of_key in dict.fromkeys((m.at, m.of_key) for m in others):
        here = [m for m in others if (m.at, m.of_key) == (at, of_key)]
        if here[0].kind == "missing" and not here[0].of_list:
            if at not in meant:  # otherwise the misspelled key is reported
                lines.append((places.line(at), f"{dotted(at)}: missing"))
        elif here[0].clashes:
            lines += [(places.line(at), f"{dotted(at)}: {clash.what}") for clash in here[0].clashes]
        elif not _deeper(here, mistakes):
            lines.append((places.line(at), _wrong(here, places)))
    return lines


def _deeper(here: Sequence[Mistake], mistakes: Sequence[Mistake]) -> bool:
    """Another branch of a union got further into the document: it explains better what is wrong."""
    at = here[0].at
    return all(m.branched for m in here) and any(len(m.at) > len(at) and m.at[: len(at)] == at for m in mistakes)


def _wrong(here: Sequence[Mistake], places: Places) -> str:
    """One line for one value, however many types it could have had."""
    first = here[0]
    found = repr(first.input) if first.of_key else places.shown(first.at, first.input)
    allowed = ", or ".join(dict.fromkeys(m.allowed() for m in here))
    if places.is_typed(first.at) and any(m.kind == "string_type" for m in here):
        allowed += f': "{found}"'
    near = difflib.get_close_matches(str(first.input), [c for m in here for c in m.choices()], n=1)
    return f"{dotted(first.at)}: found {found}; {allowed}" + (f"; did you mean {near[0]}?" if near else "")


def _unknown(mistake: Mistake) -> str:
    known = _keys(mistake.annotation)
    near = mistake.near()
    advice = f"; did you mean {near}?" if near else f"; known keys: {', '.join(known)}" if known else ""
    return f"{dotted(mistake.at)}: unknown key{advice}"


def _locate(loc: Sequence[str | int], data: Any, model: type[BaseModel]) -> tuple[Keys, bool, Any]:
    """The place in the document, whether it is a branch of a union, and the annotation of what contains the place.

    Pydantic's locations also contain names of union branches and of helpers. A part that is not in the data is one of
    these, unless it is the last part, which may be a missing key.
    """
    at: list[str | int] = []
    annotation: Any = model
    around: Any = model
    branched = False
    for part in loc:
        if isinstance(data, Mapping) and part in data:
            around, annotation = annotation, _inside(annotation, part)
            data = data[part]
            at.append(str(part))
            branched = False
        elif isinstance(data, list) and isinstance(part, int) and part < len(data):
            around, annotation = annotation, _inside(annotation, part)
            data = data[part]
            at.append(part)
            branched = False
        elif isinstance(data, Mapping) and str(part) in _keys(annotation):  # a missing key
            return (*at, str(part)), False, annotation
        else:
            annotation = _tagged(annotation, part) or annotation
            branched = True
    extra = annotation is None  # the last key is not one of the model's
    return tuple(at), branched, around if extra else annotation


def field(model: type[BaseModel], at: Keys) -> FieldInfo | None:
    """The field of a key below `model`; None for an item of a list, and if the models have no such key."""
    if not at or not isinstance(at[-1], str):
        return None
    around = functools.reduce(_inside, at[:-1], model)
    fields = (item for inner in _models(around) for item in inner.model_fields.items())
    return next((info for key, info in fields if key == at[-1]), None)


def _inside(annotation: Any, part: str | int) -> Any:
    """The annotation of one key or item; None if the models have no such key."""
    models = _models(annotation)
    if isinstance(part, str) and models:
        fields = (item for model in models for item in model.model_fields.items())
        return next((field.annotation for key, field in fields if (field.alias or key) == part), None)
    args = [arg for arg in get_args(annotation) if arg is not type(None)]
    return args[-1] if args else None


def _tagged(annotation: Any, tag: str | int) -> Any:
    """The branch of a union with this tag."""
    if any(isinstance(arg, Tag) and arg.tag == tag for arg in get_args(annotation)):
        return get_args(annotation)[0]
    return next((found for arg in get_args(annotation) if (found := _tagged(arg, tag)) is not None), None)


def _models(annotation: Any) -> list[type[BaseModel]]:
    """The models inside an annotation."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return [annotation]
    return [model for arg in get_args(annotation) for model in _models(arg)]


def _keys(annotation: Any) -> list[str]:
    """The keys of the models inside an annotation, in their order."""
    fields = (item for model in _models(annotation) for item in model.model_fields.items())
    return list(dict.fromkeys(field.alias or key for key, field in fields))


def dotted(at: Keys) -> str:
    """`osc.messages[0].x`."""
    text = ""
    for part in at:
        text += f"[{part}]" if isinstance(part, int) else f".{part}" if text else str(part)
    return text or "the file"
