"""YAML as people write it: numbers are decimal, dates are text.

PyYAML follows YAML 1.1, which reads `012` as 10, `0x1F` as 31 and `1:30` as 90. Here these are text, and `misread`
finds them, so that a document with one of them is refused: nobody can tell what its author meant.
"""

from __future__ import annotations

import re
from typing import Any

import yaml

TEXT, INTEGER = "tag:yaml.org,2002:str", "tag:yaml.org,2002:int"
_FLOAT, _DATE = "tag:yaml.org,2002:float", "tag:yaml.org,2002:timestamp"
_DECIMAL = re.compile(r"[-+]?(0|[1-9][0-9]*)")
_DECIMAL_FLOAT = re.compile(
    r"""[-+]?([0-9]+\.[0-9]*|\.[0-9]+)([eE][-+]?[0-9]+)?|[-+]?[0-9]+[eE][-+]?[0-9]+
        |[-+]?\.(inf|Inf|INF)|\.(nan|NaN|NAN)""",
    re.VERBOSE,
)


class Loader(yaml.SafeLoader):
    """PyYAML's safe loader with decimal numbers only, and dates as text."""

    yaml_implicit_resolvers = {  # noqa: RUF012 - a class attribute of PyYAML's
        first: [(tag, regexp) for tag, regexp in resolvers if tag not in (INTEGER, _FLOAT, _DATE)]
        for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
    }


Loader.add_implicit_resolver(INTEGER, re.compile(f"^(?:{_DECIMAL.pattern})$"), list("-+0123456789"))
Loader.add_implicit_resolver(_FLOAT, re.compile(f"^(?:{_DECIMAL_FLOAT.pattern})$", re.VERBOSE), list("-+.0123456789"))


def compose(text: str) -> yaml.Node | None:
    """The nodes of a text that holds one document; None for an empty one.

    Raises:
        yaml.YAMLError: it is not YAML.
    """
    return yaml.compose(text, Loader=Loader)


def construct(node: yaml.Node) -> Any:
    """The plain data below a node.

    Raises:
        yaml.YAMLError: an unknown tag, or a key that cannot be one.
        ValueError: a value that does not fit its tag.
    """
    return Loader("").construct_document(node)


def represent(data: Any) -> yaml.Node:
    """Plain data as nodes; nodes among them stay as they are."""
    return _Representer(default_style='"').represent_data(data)


class _Representer(yaml.representer.SafeRepresenter):
    """Quotes every scalar: it is what it is, whatever it looks like."""


_Representer.add_multi_representer(yaml.Node, lambda _representer, node: node)


def misread(node: yaml.Node) -> str | None:
    """What to write instead of a number that YAML 1.1 reads in another base than ten; None for any other node."""
    if not isinstance(node, yaml.ScalarNode) or node.style is not None:
        return None
    text = node.value
    if text[:1] not in "+-.0123456789" or _DECIMAL.fullmatch(text) or _DECIMAL_FLOAT.fullmatch(text):
        return None
    in_yaml_1_1 = yaml.compose(text, Loader=yaml.SafeLoader)
    if in_yaml_1_1 is None or in_yaml_1_1.tag not in (INTEGER, _FLOAT):
        return None
    try:
        read = yaml.safe_load(text)
        meant = int(text) if re.fullmatch("[-+]?[0-9]+", text) else read
    except ValueError:  # 0x_, or thousands of digits
        return f'found {text[:40]}; write a decimal number, or "{text[:40]}" for text'
    return f'found {text}, which YAML reads as {read}; write {meant}, or "{text}" for text'
