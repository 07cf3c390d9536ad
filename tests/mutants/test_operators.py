"""The mutants of a module: all of them, each one change, the same wherever the code has moved."""

from __future__ import annotations

import ast

from tests.mutants.operators import mutants

SOURCE = '''
LIMIT = 2 * 8

class Queue:
    def __init__(self):
        self.items = []

    def put(self, item):
        """Text."""
        if len(self.items) >= LIMIT and not item.urgent:
            log.warning("full: %d", 3 + 4)
            return
        self.items.append(item)

    def last(self, n):
        return self.items[-n:]
'''


def test_every_change_that_an_operator_knows_is_made() -> None:
    assert [(m.function, m.operator, m.before, m.after) for m in mutants(SOURCE)] == [
        ("<module>", "lift a limit", "2 * 8", "(2 * 8) * 1000"),
        ("Queue.put", "empty the function", "Queue.put", "return"),
        ("Queue.put", "always", "len(self.items) >= LIMIT and not item.urgent", "True"),
        ("Queue.put", "never", "len(self.items) >= LIMIT and not item.urgent", "False"),
        (
            "Queue.put",
            "and for or",
            "len(self.items) >= LIMIT and not item.urgent",
            "((len(self.items) >= LIMIT) or (not item.urgent))",
        ),
        ("Queue.put", "compare otherwise", "len(self.items) >= LIMIT", "len(self.items) > LIMIT"),
        ("Queue.put", "drop the sign", "not item.urgent", "item.urgent"),
        ("Queue.put", "delete a statement", 'log.warning("full: %d", 3 + 4)', "pass"),
        ("Queue.put", "delete a statement", "return", "pass"),
        ("Queue.put", "delete a statement", "self.items.append(item)", "pass"),
        ("Queue.last", "return something else", "self.items[-n:]", "None"),
        ("Queue.last", "cut nothing", "self.items[-n:]", "self.items[:]"),
        ("Queue.last", "drop the sign", "-n", "n"),
    ]


def test_a_mutant_is_the_same_wherever_its_statement_has_moved() -> None:
    moved = "import log\n\n\n" + SOURCE.replace("Queue", "Store").replace("def put", "def add")
    assert [m.key for m in mutants(moved) if m.operator != "empty the function"] == [
        m.key for m in mutants(SOURCE) if m.operator != "empty the function"
    ]
    assert not {m.key for m in mutants(SOURCE, seed=1)} & {m.key for m in mutants(SOURCE)}


def test_every_mutant_is_python_and_has_a_key_of_its_own() -> None:
    found = mutants(SOURCE)
    assert len({m.key for m in found}) == len(found)
    for mutant in found:
        ast.parse(mutant.source)
        assert mutant.source != SOURCE
