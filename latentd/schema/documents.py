"""YAML files checked against a pydantic model: all mistakes at once, each with its line and the nearest right key."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any, Self, TypeVar

import yaml
from pydantic import BaseModel, ConfigDict, ValidationError, model_validator

from latentd.errors import UserError
from latentd.schema import masked, messages

M = TypeVar("M", bound=BaseModel)
# Finds more in the plain data than its form: the place of each mistake in the document, and what it is.
Look = Callable[[Any], Iterable[tuple[messages.Keys, str]]]

# A mapping or configuration is a page or two; more is not one.
MAX_CHARACTERS = 1_000_000


class Strict(BaseModel):
    """Base of every section: unknown keys are mistakes, values are never mutated after reading."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)

    def clashes(self) -> Iterator[messages.Clash]:
        """The rules of this section about several keys at once that it breaks."""
        yield from ()

    @model_validator(mode="after")
    def _no_clash(self) -> Self:
        if found := tuple(self.clashes()):
            raise messages.Clashes(found)
        return self


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
    return parse_document(read_text(path), str(path), model)


def read_text(path: Path) -> str:
    """The text of a file that somebody named.

    Raises:
        UserError: it cannot be read.
    """
    try:
        return path.read_text(encoding="utf-8")
    except OSError as error:
        raise UserError(f"{path}: {error.strerror or error}", "Check the file's name") from error
    except UnicodeDecodeError as error:
        raise UserError(f"{path}: not UTF-8 text ({error.reason})", "Save it as UTF-8") from error


def parse_document(text: str, name: str, model: type[M], look: Look | None = None) -> M:
    """`read_document` for a text already in memory; `name` stands for the file in messages.

    What `look` finds is listed among the other mistakes. It gets the data as they stand, of whatever kind they are.
    """
    if len(text) > MAX_CHARACTERS:
        raise DocumentErrors([f"{name}: longer than {MAX_CHARACTERS} characters"])
    places = messages.Places()
    found: list[messages.Fault] = []
    data: Any = {}
    try:
        node = yaml.compose(text, Loader=yaml.SafeLoader)
        if node is not None:
            found += places.index(node)
        if not places.aliases:  # they could unfold into more than memory holds
            data = {} if node is None else yaml.safe_load(text)
    except yaml.YAMLError as error:
        raise DocumentErrors([_syntax(name, error)]) from error
    except RecursionError as error:
        raise DocumentErrors([f"{name}: nested too deeply"]) from error
    except ValueError as error:  # as a date in the 13th month
        raise DocumentErrors([f"{name}: a value that YAML cannot read: {error}"]) from error
    document = None
    if not places.aliases:
        try:
            document = model.model_validate(data)
        except ValidationError as error:
            first = messages.mistakes(error, data, model)
            found += messages.describe(first, places)
            found += messages.describe(masked.mistakes(first, data, model), places)
        if look is not None:
            found += [(places.line(at), f"{messages.dotted(at)}: {what}") for at, what in look(data)]
    if document is None or found:
        raise DocumentErrors([f"{name}:{line}: {what}" for line, what in sorted(dict.fromkeys(found))])
    return document


def _syntax(name: str, error: yaml.YAMLError) -> str:
    """One line for a file that is not YAML at all: the rest of it cannot be looked at."""
    mark = getattr(error, "problem_mark", None)
    line = f":{mark.line + 1}" if mark else ""
    problem = getattr(error, "problem", None) or getattr(error, "reason", None) or "not valid YAML"
    context = getattr(error, "context", None)
    tab = "; use spaces, not tabs" if "'\\t'" in problem else ""
    return f"{name}{line}: {problem}" + (f" ({context})" if context else "") + tab
