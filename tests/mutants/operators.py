"""One small change to a module's source at a time: what a slip or a bad merge might leave behind."""

from __future__ import annotations

import ast
import hashlib
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass

_COMPARISONS: dict[type[ast.cmpop], str] = {
    ast.Lt: "<=",
    ast.LtE: "<",
    ast.Gt: ">=",
    ast.GtE: ">",
    ast.Eq: "!=",
    ast.NotEq: "==",
    ast.Is: "is not",
    ast.IsNot: "is",
    ast.In: "not in",
    ast.NotIn: "in",
}
_ARITHMETIC: dict[type[ast.operator], str] = {
    ast.Add: "-",
    ast.Sub: "+",
    ast.Mult: "/",
    ast.Div: "*",
    ast.FloorDiv: "*",
    ast.Mod: "*",
    ast.BitAnd: "|",
    ast.BitOr: "&",
    ast.LShift: ">>",
    ast.RShift: "<<",
}
_OTHER_END = {"min": "max", "max": "min", "any": "all", "all": "any"}
# Texts for people: their wording is no promise.
_TALK = ("log.", "logging.", "warnings.")
# A limit that is this many times what it should be is none.
_FAR = 1000

_EMPTY = "empty the function"
_FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef)


@dataclass(frozen=True)
class Mutant:
    """`operator` changed `before` into `after` at `line` of the module, in `function` (its `__qualname__`)."""

    key: str  # the same for the same change to the same statement, wherever that statement has moved
    function: str
    line: int
    operator: str
    before: str
    after: str
    source: str  # the whole mutated module


@dataclass(frozen=True)
class _Edit:
    node: ast.AST
    operator: str
    text: str


def mutants(source: str, seed: int = 0) -> list[Mutant]:
    """Every mutant of a module. `seed` only changes their keys, by which a sample is drawn."""
    data = source.encode()
    starts = [0]
    for line in data.splitlines(keepends=True):
        starts.append(starts[-1] + len(line))
    found: list[Mutant] = []
    seen: Counter[str] = Counter()
    for function, statement, edit in _walk(ast.parse(source)):
        node = edit.node
        assert isinstance(node, ast.expr | ast.stmt)
        assert node.end_lineno is not None and node.end_col_offset is not None
        start, end = starts[node.lineno - 1] + node.col_offset, starts[node.end_lineno - 1] + node.end_col_offset
        before = data[start:end].decode() if edit.operator != _EMPTY else function
        text = f"{seed}|{ast.unparse(statement)}|{edit.operator}|{before}|{edit.text}"
        seen[text] += 1
        key = hashlib.sha256(f"{text}|{seen[text]}".encode()).hexdigest()
        mutated = (data[:start] + edit.text.encode() + data[end:]).decode()
        found.append(Mutant(key, function, node.lineno, edit.operator, before, edit.text, mutated))
    return found


def _walk(tree: ast.Module) -> Iterator[tuple[str, ast.stmt, _Edit]]:
    """Each edit with the function and the statement that it is in."""
    yield from _block(tree.body, "<module>")


def _block(body: list[ast.stmt], function: str) -> Iterator[tuple[str, ast.stmt, _Edit]]:
    for statement in body:
        if isinstance(statement, _FUNCTIONS):
            yield from _function(statement, _inner(function, statement.name))
        elif isinstance(statement, ast.ClassDef):
            inner = statement.name if function == "<module>" else f"{function}.{statement.name}"
            for part in statement.body:
                if isinstance(part, _FUNCTIONS):
                    yield from _function(part, f"{inner}.{part.name}")
        elif function == "<module>":
            yield from ((function, statement, edit) for edit in _limit(statement))
        else:
            head = _head(statement)
            yield from ((function, head, edit) for edit in _statement(statement) if not _set_up(function, edit))
            for field in ("body", "orelse", "finalbody"):
                yield from _block(getattr(statement, field, []), function)
            for handler in getattr(statement, "handlers", []):
                yield from _block(handler.body, function)


def _inner(function: str, name: str) -> str:
    return name if function == "<module>" else f"{function}.<locals>.{name}"


def _function(node: ast.FunctionDef | ast.AsyncFunctionDef, name: str) -> Iterator[tuple[str, ast.stmt, _Edit]]:
    body = node.body
    if isinstance(body[0], ast.Expr) and isinstance(body[0].value, ast.Constant):
        body = body[1:]
    # Nothing but a return: that is an edit of its own.
    simple = len(body) == 1 and isinstance(body[0], ast.Pass | ast.Raise | ast.Return)
    if body and not simple and name.rpartition(".")[2] != "__init__":
        first, last = body[0], body[-1]
        whole = ast.Expr(ast.Constant(None), lineno=first.lineno, col_offset=first.col_offset)
        whole.end_lineno, whole.end_col_offset = last.end_lineno, last.end_col_offset
        yield name, ast.Expr(ast.Name(node.name)), _Edit(whole, _EMPTY, "return")
    yield from _block(body, name)


def _head(statement: ast.stmt) -> ast.stmt:
    """A statement without the blocks in it: what identifies it."""
    if isinstance(statement, ast.If | ast.While):
        return ast.Expr(statement.test)
    if isinstance(statement, ast.For):
        return ast.Expr(ast.Tuple([statement.target, statement.iter], ast.Load()))
    if isinstance(statement, ast.With):
        return ast.Expr(ast.Tuple([item.context_expr for item in statement.items], ast.Load()))
    if isinstance(statement, ast.Try):
        kinds = [handler.type or ast.Constant(None) for handler in statement.handlers]
        return ast.Expr(ast.Tuple(list(kinds), ast.Load()))
    return statement


def _limit(statement: ast.stmt) -> Iterator[_Edit]:
    """A number that a module names: a thousand times as much."""
    if not isinstance(statement, ast.Assign | ast.AnnAssign) or statement.value is None:
        return
    value = statement.value
    if isinstance(value, ast.BinOp | ast.Constant) and all(
        isinstance(part, ast.BinOp | ast.operator)
        or (isinstance(part, ast.Constant) and type(part.value) in (int, float))
        for part in ast.walk(value)
    ):
        yield _Edit(value, "lift a limit", f"({ast.unparse(value)}) * {_FAR}")


def _statement(statement: ast.stmt) -> Iterator[_Edit]:
    if isinstance(statement, ast.Assert | ast.Raise | ast.Import | ast.ImportFrom | ast.Global | ast.Nonlocal):
        return
    if isinstance(statement, ast.Expr):
        text = ast.unparse(statement)
        if text.startswith(("log.debug", "log.info")):
            return
        if not isinstance(statement.value, ast.Constant | ast.Yield | ast.YieldFrom):
            yield _Edit(statement, "delete a statement", "pass")
        if text.startswith(_TALK):
            return
    elif _deletable(statement):
        yield _Edit(statement, "delete a statement", "pass")
    elif isinstance(statement, ast.Return) and statement.value is not None:
        yield from _return(statement.value)
    elif isinstance(statement, ast.If):
        yield _Edit(statement.test, "always", "True")
        yield _Edit(statement.test, "never", "False")
    elif isinstance(statement, ast.While) and not isinstance(statement.test, ast.Constant):
        yield _Edit(statement.test, "never", "False")
    elif isinstance(statement, ast.Try):
        for handler in statement.handlers:
            if handler.type is not None:
                yield _Edit(handler.type, "catch nothing", "()")
    for part in _expressions(statement):
        yield from _expression(part)


def _set_up(function: str, edit: _Edit) -> bool:
    """An attribute that does not come into being: every test would see it."""
    return (
        function.endswith(".__init__") and edit.operator == "delete a statement" and isinstance(edit.node, ast.Assign)
    )


def _deletable(statement: ast.stmt) -> bool:
    """What the code after it can do without, so that only a test can tell."""
    if isinstance(statement, ast.Assign):
        return not any(_local(target) for target in statement.targets)
    if isinstance(statement, ast.Return):
        return statement.value is None
    return isinstance(statement, ast.AugAssign | ast.Delete | ast.Continue | ast.Break)


def _local(target: ast.expr) -> bool:
    """A name: without the assignment it is not defined, which every test would see."""
    if isinstance(target, ast.Tuple):
        return any(_local(part) for part in target.elts)
    return isinstance(target, ast.Name | ast.Starred)


def _return(value: ast.expr) -> Iterator[_Edit]:
    """Numbers and truth are constants, see `_one`; None is what it would be."""
    if not isinstance(value, ast.Constant) or isinstance(value.value, str | bytes):
        yield _Edit(value, "return something else", "None")


def _expressions(statement: ast.stmt) -> Iterator[ast.expr]:
    """The expressions of a statement itself, not of the blocks in it."""
    for name, field in ast.iter_fields(statement):
        if name in ("body", "orelse", "finalbody", "handlers", "annotation"):
            continue
        for part in field if isinstance(field, list) else [field]:
            if isinstance(part, ast.expr):
                yield part
            elif isinstance(part, ast.withitem):
                yield part.context_expr


def _expression(node: ast.expr) -> Iterator[_Edit]:
    if isinstance(node, ast.JoinedStr) or (isinstance(node, ast.Call) and ast.unparse(node).startswith(_TALK)):
        return
    yield from _one(node)
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.expr):
            yield from _expression(child)
        elif isinstance(child, ast.comprehension):
            yield from _expression(child.iter)
            for test in child.ifs:
                yield _Edit(test, "always", "True")
                yield from _expression(test)
        elif isinstance(child, ast.keyword):
            yield from _expression(child.value)


def _one(node: ast.expr) -> Iterator[_Edit]:
    text = ast.unparse(node)
    if isinstance(node, ast.Compare) and len(node.ops) == 1:
        sign = _COMPARISONS[type(node.ops[0])]
        yield _Edit(node, "compare otherwise", f"{_wrapped(node.left)} {sign} {_wrapped(node.comparators[0])}")
    elif isinstance(node, ast.Compare):
        for index, op in enumerate(node.ops):
            if type(op) in (ast.Lt, ast.LtE):
                ops = list(node.ops)
                ops[index] = ast.LtE() if isinstance(op, ast.Lt) else ast.Lt()
                yield _Edit(node, "compare otherwise", ast.unparse(ast.Compare(node.left, ops, node.comparators)))
    elif isinstance(node, ast.BoolOp):
        sign = " or " if isinstance(node.op, ast.And) else " and "
        yield _Edit(node, "and for or", f"({sign.join(_wrapped(value) for value in node.values)})")
    elif isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.Not | ast.USub):
        if not isinstance(node.operand, ast.Constant):
            yield _Edit(node, "drop the sign", _wrapped(node.operand))
    elif isinstance(node, ast.BinOp) and type(node.op) in _ARITHMETIC and not _text(node):
        sign = _ARITHMETIC[type(node.op)]
        yield _Edit(node, "calculate otherwise", f"({_wrapped(node.left)} {sign} {_wrapped(node.right)})")
    elif isinstance(node, ast.IfExp):
        yield _Edit(node, "always", f"({ast.unparse(node.body)})")
        yield _Edit(node, "never", f"({ast.unparse(node.orelse)})")
    elif isinstance(node, ast.Lambda) and not isinstance(node.body, ast.Constant):
        yield _Edit(node.body, _EMPTY, "None")
    elif isinstance(node, ast.Constant):
        if isinstance(node.value, bool):
            yield _Edit(node, "another constant", str(not node.value))
        elif isinstance(node.value, int | float):
            yield _Edit(
                node, "another constant", repr(node.value + 1 if isinstance(node.value, int) else _half(node.value))
            )
    elif isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in _OTHER_END:
        yield _Edit(node.func, "the other end", _OTHER_END[node.func.id])
    elif isinstance(node, ast.Call) and text.startswith("contextlib.suppress("):
        yield _Edit(node, "catch nothing", "contextlib.suppress()")
    elif (
        isinstance(node, ast.Subscript) and isinstance(node.slice, ast.Slice) and (node.slice.lower or node.slice.upper)
    ):
        yield _Edit(node, "cut nothing", f"{ast.unparse(node.value)}[:]")


def _half(value: float) -> float:
    return value / 2 if value else 1.0


def _text(node: ast.BinOp) -> bool:
    return any(
        isinstance(part, ast.JoinedStr) or (isinstance(part, ast.Constant) and isinstance(part.value, str | bytes))
        for part in ast.walk(node)
    )


def _wrapped(node: ast.expr) -> str:
    text = ast.unparse(node)
    simple = isinstance(node, ast.Name | ast.Constant | ast.Attribute | ast.Call | ast.Subscript)
    return text if simple else f"({text})"
