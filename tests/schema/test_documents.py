"""Mistakes in YAML files: every one is listed, with line, key, value, what is allowed and the nearest right key."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from latentd.errors import UserError
from latentd.inputs.mapping import MappingFile
from latentd.schema.documents import DocumentErrors, parse_document, read_document

EVERYTHING_WRONG = """\
titel: x
osc:
  messages:
    - adress: /xy
      x: one
      y: -1
      touch: maybe
    - {address: xy, x: 0, x: 1, y: 2000}
    - 7
    - {address: /nothing}
  step: 0
  lead: frist
  relative: maybe
tuio: {version: 3}
midi:
  channel: 17
  x: {cc: 200, bitz: 14}
  y: {ccc: 3}
  touch: {note: [36, 300]}
mpe: [1]
gesture:
  range_x: [0, 0]
  range_y: 5
  curve: -1
  filter: {beta: fast}
"""

EXPECTED = """\
m.yaml:1: the file: must have exactly one of the sections osc, tuio, midi, mpe, linnstrument
m.yaml:1: titel: unknown key; did you mean title?
m.yaml:4: osc.messages[0].adress: unknown key; did you mean address?
m.yaml:5: osc.messages[0].x: found 'one'; must be a whole number
m.yaml:6: osc.messages[0].y: found -1; must be at least 0
m.yaml:7: osc.messages[0].touch: found 'maybe'; must be true or false, or must be a whole number
m.yaml:8: osc.messages[1].address: found 'xy'; must start with / and hold no spaces
m.yaml:8: osc.messages[1].x: listed twice, first in line 8
m.yaml:8: osc.messages[1].y: found 2000; must be at most 1023
m.yaml:9: osc.messages[2]: found 7; must be a map with keys such as \
address, x, y, touch, touch_above, finger, only, untagged
m.yaml:10: osc.messages[3]: must have at least one of x, y, touch
m.yaml:11: osc.step: found 0; must be above 0.0
m.yaml:12: osc.lead: found 'frist'; must be 'first' or 'newest'; did you mean first?
m.yaml:13: osc.relative: found 'maybe'; must be true or false
m.yaml:14: tuio.version: found 3; must be 1 or 2
m.yaml:16: midi.channel: found 17; must be at most 16
m.yaml:17: midi.x.bitz: unknown key; did you mean bits?
m.yaml:17: midi.x.cc: found 200; must be at most 127
m.yaml:18: midi.y.ccc: unknown key; did you mean cc?
m.yaml:19: midi.touch.note[1]: found 300; must be at most 127
m.yaml:20: mpe: found [1]; must be a map with keys such as port, zone, members, bend_semitones, x, y
m.yaml:22: gesture.range_x: found [0, 0]; the two ends of a range must differ
m.yaml:23: gesture.range_y: found 5; must be a list
m.yaml:24: gesture.curve: found -1; must be above 0.0
m.yaml:25: gesture.filter.beta: found 'fast'; must be a number
"""


def mistakes(text: str) -> list[str]:
    with pytest.raises(DocumentErrors) as caught:
        parse_document(text, "m.yaml", MappingFile)
    return list(caught.value.mistakes)


def test_all_mistakes_of_one_file_come_in_one_run_each_once() -> None:
    assert mistakes(EVERYTHING_WRONG) == EXPECTED.splitlines()


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", ["m.yaml:1: the file: must have exactly one of the sections", "m.yaml:1: title: missing"]),
        (
            "title: t\n",
            ["m.yaml:1: the file: must have exactly one of the sections osc, tuio, midi, mpe, linnstrument"],
        ),
        ("- 1\n", ["m.yaml:1: the file: found [1]; must be a map with keys such as"]),
        ("title: t\ntuio: {}\nmpe: {}\n", ["m.yaml:1: the file: must have exactly one of the sections"]),
        ("title: t\nmidi:\n  x: {cc: 1}\n", ["m.yaml:2: midi: must have x and y, or pads"]),
        (
            "title: t\nmidi:\n  x: {}\n  y: 3\n",
            [
                "m.yaml:3: midi.x: found {}; must be a control: a map with one of the keys cc, nrpn, bend",
                "m.yaml:4: midi.y: found 3; must be a control: a map with one of the keys cc, nrpn, bend",
            ],
        ),
        (
            "title: t\nmidi:\n  x: {cc: 40, bits: 14}\n  y: {cc: 1, bits: 12}\n",
            ["m.yaml:3: midi.x: 14 bits need a cc of 0 to 31", "m.yaml:4: midi.y.bits: found 12; must be 7 or 14"],
        ),
        (
            "title: t\nmidi:\n  x: {cc: 1, relative: twos}\n  y: {nrpn: 1, nope: 2}\n",
            [
                "m.yaml:3: midi.x.relative: found 'twos'; must be 'twos-complement', 'binary-offset'",
                "m.yaml:4: midi.y.nope: unknown key; known keys: channel, nrpn, data, lsb_first",
            ],
        ),
        (
            "title: t\nmidi:\n  x: {cc: 1, relative: twos-complement}\n  y: {cc: 2}\n",
            ["m.yaml:2: midi: x and y must both be relative, or neither"],
        ),
        ("title: t\ntuio: {\n", ["m.yaml:3: expected the node content"]),
        ("title: t\n\ttuio: 1\n", ["m.yaml:2: found character '\\t' that cannot start any token"]),
        (
            "title: t\ngesture: {range_x: [-1]}\nosc:\n  messages: [{address: pad, x: 0, y: 1, untagged: s}]\n",
            [
                "m.yaml:2: gesture.range_x: found [-1]; needs 2 values",
                "m.yaml:4: osc.messages[0].address: found 'pad'; must start with / and hold no spaces",
                "m.yaml:4: osc.messages[0].untagged: found 's'; must be one letter of i, f, h, d for each argument",
            ],
        ),
        (
            "title: t\nosc:\n  messages: [{address: /a, touch: 0}, {address: /b, x: 0}]\n",
            ["m.yaml:2: osc: no message sets y, so the point could not move"],
        ),
        (
            "title: t\nosc:\n  messages: [{address: '/a[1-9', x: 0, y: 1}, {address: '/{a/b}', x: 0}]\n",
            [
                "m.yaml:3: osc.messages[0].address: found '/a[1-9'; matches no address: close every [ and {",
                "m.yaml:3: osc.messages[1].address: found '/{a/b}'; matches no address",
            ],
        ),
        (
            "title: t\nosc:\n  messages: [{address: /a, x: 3, y: 3, untagged: ff}]\n",
            [
                "m.yaml:3: osc.messages[0]: untagged has 2 letters, too few for x: 3, y: 3 (counted from 0)",
                "m.yaml:3: osc.messages[0]: x and y are both argument 3, so the point could only move on a diagonal",
            ],
        ),
        (
            "title: t\nosc:\n  messages:\n"
            "  - {address: /a, x: 0, y: 1, touch: 2, finger: [3], only: {4: 1}, untagged: i}\n",
            [
                "m.yaml:4: osc.messages[0]: untagged has 1 letter, too few for y: 1, touch: 2, finger: 3, only: 4 (",
            ],
        ),
        ("title: t\n--- \ntitle: u\n", ["m.yaml:2: but found another document"]),
        (f"title: {'1' * 5_000}\n", ["m.yaml: a value that YAML cannot read: Exceeds the limit"]),
        ("title: \0\n", ["m.yaml: special characters are not allowed"]),
        ("? [1]\n: 2\n", ["m.yaml:1: found unhashable key"]),
        ("title: !!python/object:os.system x\n", ["m.yaml:1: could not determine a constructor for the tag"]),
        ("a: &a [1]\ntitle: *a\n", ["m.yaml:2: title: an alias (*); write the value out"]),
        ("a: &a [*a]\n", ["m.yaml:1: a[0]: an alias (*); write the value out"]),
        (
            "title: t\ngesture: {curve: .nan}\ntuio: {}\n",
            ["m.yaml:2: gesture.curve: found .nan; must be a finite number"],
        ),
        ("[" * 5_000, ["m.yaml: nested too deeply"]),
        ("a" * 1_000_001, ["m.yaml: longer than 1000000 characters"]),
    ],
)
def test_each_kind_of_mistake_is_one_plain_line(text: str, expected: list[str]) -> None:
    found = mistakes(text)
    assert len(found) == len(expected), found
    for line, start in zip(found, expected, strict=True):
        assert line.startswith(start), (line, start)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (  # a section's own rule, behind a misspelled key
            "midi:\n  x: {cc: 70, bits: 14, chanel: 3}\n  y: {cc: 1}",
            ["3: midi.x.chanel: unknown key; did you mean channel?", "3: midi.x: 14 bits need a cc of 0 to 31"],
        ),
        (  # the rules of all sections around a wrong value, down to the file's
            "osc:\n  messages: [{address: xy, x: 0}]\ntuio: {version: 3}",
            [
                "1: the file: must have exactly one of the sections",
                "2: osc: no message sets y",
                "3: osc.messages[0].address: found 'xy'",
                "4: tuio.version: found 3",
            ],
        ),
        (  # all rules that one section breaks
            "midi: {x: {cc: 70, bits: 14, relative: twos-complement}, y: {cc: 1, relative: twos-complement}}",
            ["2: midi.x: 14 bits need a cc of 0 to 31", "2: midi.x: relative encoders have 7 bits"],
        ),
        (  # what is inside a section with a misspelled name, by that name
            "mdi:\n  x: {cc: 300}\n  y: {cc: 1, chanel: 2}",
            ["2: mdi: unknown key", "3: mdi.x.cc: found 300", "4: mdi.y.chanel: unknown key"],
        ),
        (  # more than one pair of keys at once
            "midi: {x: 7, pads: {lowest: 120, columns: 4, rows: 4, tilt: 1}}",
            [
                "2: midi.pads.tilt: unknown key",
                "2: midi.pads: the last pad would be note 135",
                "2: midi.x: found 7",
                "2: midi: pads set x, y and touch",
            ],
        ),
        (  # in one item of a list, beside another that is wrong
            "osc:\n  messages:\n  - {address: '/a[', x: 0, y: 0}\n  - {address: /b, x: 0, y: 1, untagged: f}",
            [
                "4: osc.messages[0].address: found '/a['; matches no address",
                "4: osc.messages[0]: x and y are both argument 0",
                "5: osc.messages[1]: untagged has 1 letter, too few for y: 1",
            ],
        ),
        (  # beside a list of which nothing is right
            "osc: {messages: [{address: /a, x: 0, y: 0, finger: [a, b]}]}",
            [
                "2: osc.messages[0].finger[0]: found 'a'",
                "2: osc.messages[0].finger[1]: found 'b'",
                "2: osc.messages[0]: x and y are both argument 0",
            ],
        ),
        # What a wrong value hides is not guessed.
        ("midi: {x: {cc: 70, bits: 12}, y: {cc: 1}}", ["2: midi.x.bits: found 12"]),
        ("midi: {x: 7, y: {cc: 1, relative: twos-complement}}", ["2: midi.x: found 7"]),
        ("midi: {touch: {note: [36, 300]}, x: {cc: 1}, y: {cc: 2}}", ["2: midi.touch.note[1]: found 300"]),
        ("osc: {messages: [{address: /a, x: 0}, 7]}", ["2: osc.messages[1]: found 7"]),
        ("osc: {messages: [{address: /a, x: 0, y: one}]}", ["2: osc.messages[0].y: found 'one'"]),
        ("tuio: 3", ["2: tuio: found 3"]),
    ],
)
def test_a_mistake_hides_no_other_and_makes_none_up(text: str, expected: list[str]) -> None:
    found = [line.removeprefix("m.yaml:") for line in mistakes(f"title: t\n{text}\n")]
    assert len(found) == len(expected), found
    for line, start in zip(found, expected, strict=True):
        assert line.startswith(start), (line, start)


@pytest.mark.parametrize(
    ("typed", "read", "meant"),
    [
        ("012", 10, 12),
        ("-012", -10, -12),
        ("00", 0, 0),
        ("0x1F", 31, 31),
        ("0b11", 3, 3),
        ("1_0", 10, 10),
        ("1:30", 90, 90),
        ("1:30.5", 90.5, 90.5),
        ("1_0.5", 10.5, 10.5),
    ],
)
@pytest.mark.parametrize(
    ("where", "text"),
    [
        ("midi.x.cc", "title: t\nmidi:\n  x: {cc: TYPED, channel: 2}\n  y: {cc: 2}\n"),
        ("midi.touch.note[0]", "title: t\nmidi:\n  touch: {note: [TYPED]}\n  x: {cc: 1}\n  y: {cc: 2}\n"),
        ("gesture.range_x[1]", "title: t\ntuio: {}\ngesture: {range_x: [100, TYPED]}\n"),
        ("title", "tuio: {}\n\ntitle: TYPED\n"),
        ("midi.port", "title: t\nmidi:\n  port: TYPED\n  x: {cc: 1}\n  y: {cc: 2}\n"),
    ],
)
def test_a_number_that_yaml_reads_in_another_base_is_refused_as_typed(
    where: str, text: str, typed: str, read: float, meant: float
) -> None:
    expected = f'm.yaml:3: {where}: found {typed}, which YAML reads as {read}; write {meant}, or "{typed}" for text'
    assert mistakes(text.replace("TYPED", typed)) == [expected]


def test_a_key_that_yaml_reads_in_another_base_is_refused_as_typed() -> None:
    found = mistakes("title: t\nosc:\n  messages: [{address: /a, x: 0, y: 1, only: {010: a}}]\n")
    where = "m.yaml:3: osc.messages[0].only.010: "
    assert found == [where + 'found 010, which YAML reads as 8; write 10, or "010" for text']


@pytest.mark.parametrize("typed", ["on", "off", "yes", "No", "TRUE"])
@pytest.mark.parametrize(
    ("where", "text", "allowed"),
    [
        ("title", "tuio: {}\ntitle: TYPED\n", 'must be text: "TYPED"'),
        ("midi.x.cc", "title: t\nmidi: {x: {cc: TYPED}, y: {cc: 2}}\n", "must be a whole number"),
        ("midi.x.bits", "title: t\nmidi: {x: {cc: 1, bits: TYPED}, y: {cc: 2}}\n", "must be 7 or 14"),
        ("midi.x.step", "title: t\nmidi: {x: {cc: 1, step: TYPED}, y: {cc: 2}}\n", "must be a number"),
        ("gesture.range_x[0]", "title: t\ngesture: {range_x: [TYPED, 2]}\ntuio: {}\n", "must be a number"),
        ("gesture.priority", "title: t\ngesture: {priority: TYPED}\ntuio: {}\n", "must be a whole number"),
    ],
)
def test_a_truth_value_in_place_of_text_or_a_number_is_refused_as_typed(
    where: str, text: str, allowed: str, typed: str
) -> None:
    expected = f"m.yaml:2: {where}: found {typed}; {allowed.replace('TYPED', typed)}"
    assert mistakes(text.replace("TYPED", typed)) == [expected]


def test_text_in_place_of_a_number_and_a_number_in_place_of_text_are_refused() -> None:
    assert mistakes("title: 12\ntuio: {}\n") == ['m.yaml:1: title: found 12; must be text: "12"']
    assert mistakes("title:\ntuio: {}\n") == ["m.yaml:1: title: found nothing; must be text"]
    assert mistakes('title: t\ngesture: {curve: "2.0"}\ntuio: {}\n') == [
        "m.yaml:2: gesture.curve: found '2.0'; must be a number"
    ]


def test_decimal_numbers_truth_values_and_dates_are_what_they_look_like() -> None:
    text = "title: 2001-13-01\ntuio: {}\ngesture: {invert_x: yes, invert_y: on, curve: 1e-1, range_x: [-1, +2.5e1]}\n"
    file = parse_document(text, "m.yaml", MappingFile)
    assert (file.title, file.gesture.invert_x, file.gesture.invert_y) == ("2001-13-01", True, True)
    assert (file.gesture.curve, file.gesture.range_x) == (0.1, (-1.0, 25.0))


def test_a_key_that_is_a_word_for_a_truth_value_is_shown_as_typed() -> None:
    assert mistakes("title: t\ntuio: {}\non: 1\n")[0].startswith("m.yaml:3: on: unknown key")


def test_a_tab_gets_the_advice_to_use_spaces() -> None:
    assert mistakes("title: t\n\ttuio: 1\n")[0].endswith("; use spaces, not tabs")


def test_a_bomb_of_aliases_is_refused_before_it_unfolds() -> None:
    layers = "\n".join(f"a{i}: &a{i} [{', '.join([f'*a{i - 1}'] * 9)}]" for i in range(1, 30))
    assert all("alias" in line for line in mistakes(f"a0: &a0 [x]\n{layers}\n"))


def test_a_file_that_cannot_be_read_gets_the_reason(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="No such file"):
        read_document(tmp_path / "none.yaml", MappingFile)
    (tmp_path / "latin.yaml").write_bytes(b"title: \xe9\n")
    with pytest.raises(UserError, match="not UTF-8"):
        read_document(tmp_path / "latin.yaml", MappingFile)


@settings(deadline=None, max_examples=200)
@given(st.integers(0, 800), st.text("{}[]:,-#*&!|>'\"%@\n \tx0", max_size=6))
def test_a_damaged_file_is_read_or_refused_but_never_crashes(at: int, junk: str) -> None:
    text = EVERYTHING_WRONG[:at] + junk + EVERYTHING_WRONG[at:]
    assert all(line.startswith("m.yaml") for line in mistakes(text))
