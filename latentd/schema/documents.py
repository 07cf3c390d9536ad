"""YAML files checked against a pydantic model: all mistakes at once, each with its line and the nearest right key."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any, Self, TypeVar

import yaml
from pydantic import BaseModel, ConfigDict, ValidationError, model_validator

from latentd.errors import UserError
from latentd.schema import masked, messages, scalars

M = TypeVar("M", bound=BaseModel)
# Finds further mistakes in the plain data of a document: the place of each, and what is wrong there.
Look = Callable[[Any], Iterable[tuple[messages.Keys, str]]]

# A mapping or configuration is a page or two long.
MAX_CHARACTERS = 1_000_000


class Strict(BaseModel):
    """Base of every section: unknown keys are mistakes, types are not converted, values never change after reading."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, allow_inf_nan=False)

    def clashes(self) -> Iterator[messages.Clash]:
        """The rules about several keys that this section breaks."""
        yield from ()

    @model_validator(mode="after")
    def _no_clash(self) -> Self:
        if found := tuple(self.clashes()):
            raise messages.Clashes(found)
        return self


class DocumentErrors(UserError):
    """All mistakes of one file; `mistakes` holds one line for each."""

    def __init__(self, mistakes: Sequence[str]) -> None:
        super().__init__("\n".join(mistakes))
        self.mistakes = tuple(mistakes)


def read_document(path: Path, model: type[M]) -> M:
    """Read one YAML file as `model`.

    Raises:
        DocumentErrors: every mistake in the file, one line each:
            `FILE:LINE: KEY: found VALUE; ALLOWED; did you mean NEAREST?`
        UserError: the file cannot be read.
    """
    return parse_document(read_text(path), str(path), model)


def read_text(path: Path) -> str:
    """The text of a file that the user named.

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
    """`read_document` for a text in memory; `name` stands for the file in messages.

    Mistakes that `look` finds are listed with the others. It gets the data before they are checked, of any type.
    """
    if len(text) > MAX_CHARACTERS:
        raise DocumentErrors([f"{name}: longer than {MAX_CHARACTERS} characters"])
    with _readable(name):
        node = scalars.compose(text)
    return check_document(node, name, model, look)


def check_document(node: yaml.Node | None, name: str, model: type[M], look: Look | None = None) -> M:
    """`parse_document` for nodes; None stands for an empty document."""
    places = messages.Places()
    found: list[messages.Line] = []
    data: Any = {}
    if node is not None:
        with _readable(name):
            found += places.index(node)
            if not places.aliases:  # they could unfold into more than memory holds
                data = scalars.construct(node)
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


@contextlib.contextmanager
def _readable(name: str) -> Iterator[None]:
    """Report what keeps a document from being read at all."""
    try:
        yield
    except yaml.YAMLError as error:
        raise DocumentErrors([_syntax(name, error)]) from error
    except RecursionError as error:
        raise DocumentErrors([f"{name}: nested too deeply"]) from error
    except ValueError as error:  # a number of thousands of digits
        raise DocumentErrors([f"{name}: a value that YAML cannot read: {error}"]) from error


def _syntax(name: str, error: yaml.YAMLError) -> str:
    """One line for a file that is not YAML; the rest of such a file cannot be checked."""
    mark = getattr(error, "problem_mark", None)
    line = f":{mark.line + 1}" if mark else ""
    problem = getattr(error, "problem", None) or getattr(error, "reason", None) or "not valid YAML"
    context = getattr(error, "context", None)
    tab = "; use spaces, not tabs" if "'\\t'" in problem else ""
    return f"{name}{line}: {problem}" + (f" ({context})" if context else "") + tab
