"""How a message is read by its row: types, names in addresses, buttons, missing type tags."""

from __future__ import annotations

import struct
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from latentd.daemon.arguments import Argument, Choice, Flag, Name, Number, WrongValueError, is_name
from latentd.daemon.message_spec import Args, Command, UsageError
from latentd.osc.packets import IMPULSE, Message


def handler(*args: object) -> None:
    """Stands for what a message does."""


def row(address: str, *arguments: Any, **rest: Any) -> Command:
    return Command(address, arguments, handler, "do it", **rest)


NAME = Name("NAME")
XY = row("xy", *(Number(name, low=0.0, high=1.0, clipped=True, nil=True) for name in "XY"))
GOTO = row("goto", NAME, Number("SECONDS", optional=True, low=0.0, high=60.0, unit="s"))
SAVE = row("save", NAME, answers="saved s")
LOCK = row("lock", Choice("NAME", values=("volume", "cutoff"), what="a parameter's name", listed="See it"), Flag("ON"))
PARAM = row("param/NAME", Choice("NAME", values=("volume", "cutoff"), what="a parameter"), Number("VALUE"))
UNDO = row("undo")
NEXT = row("next", Number("SECONDS", optional=True, low=0.0, high=60.0, unit="s"))
RENAME = row("rename", NAME, Name("NEW_NAME"))
ROWS = (XY, GOTO, SAVE, LOCK, PARAM, UNDO, NEXT, RENAME)


def read(command: Command, *args: object, name: str | None = None) -> list[object] | None:
    found = command.read(Message(command.path, args), name)
    return None if found is None else list(found)


def refused(command: Command, *args: object, name: str | None = None) -> str:
    with pytest.raises(WrongValueError) as caught:
        read(command, *args, name=name)
    return str(caught.value)


@pytest.mark.parametrize(
    ("command", "args", "found"),
    [
        (XY, (0.25, 1), [0.25, 1.0]),
        (XY, (-3.0, 1e30), [0.0, 1.0]),
        (XY, (False, True), [0.0, 1.0]),
        (XY, (None, 0.5), [None, 0.5]),
        (GOTO, ("intro",), ["intro"]),
        (GOTO, ("intro", 0), ["intro", 0.0]),
        (LOCK, ("volume", 1.0), ["volume", True]),
        (LOCK, ("volume", False), ["volume", False]),
        (SAVE, ("a b.c+d-e_f é",), ["a b.c+d-e_f é"]),
    ],
)
def test_arguments_come_as_their_types(command: Command, args: Args, found: list[object]) -> None:
    values = read(command, *args)
    assert values == found
    assert values is not None and list(map(type, values)) == list(map(type, found))


@pytest.mark.parametrize(
    ("command", "args", "advice"),
    [
        (XY, (0.5,), "Send X (0 to 1) and Y (0 to 1)"),
        (XY, (0.5, 0.5, 0.5), "Send X (0 to 1) and Y (0 to 1)"),
        (XY, (0.5, float("nan")), "Y is 0 to 1"),
        (XY, (float("inf"), 0.5), "X is 0 to 1"),
        (XY, ("0.5", 0.5), "X is 0 to 1"),
        (GOTO, ("intro", "x"), "SECONDS is 0 to 60 s"),
        (PARAM, ("volume", None), "VALUE is a number"),
        (GOTO, ("intro", 60.5), "SECONDS is 0 to 60 s"),
        (
            GOTO,
            (),
            "Send NAME (a name of up to 64 letters, digits, spaces and . + - _) and perhaps SECONDS (0 to 60 s)",
        ),
        (LOCK, ("volumes", 1), "Did you mean 'volume'?"),
        (LOCK, ("nothing like it", 1), "See it"),
        (LOCK, (3, 1), "NAME is a parameter's name"),
        (LOCK, ("volume", 2), "ON is 1 or 0"),
        (LOCK, ("volume", "1"), "ON is 1 or 0"),
        (SAVE, ("../x",), "NAME is a name of up to 64 letters, digits, spaces and . + - _"),
        (SAVE, (b"x",), "NAME is a name of up to 64 letters, digits, spaces and . + - _"),
        (UNDO, ("x",), "Send it alone, or with the 1 and 0 of a button"),
        (UNDO, (1, 1), "Send it alone, or with the 1 and 0 of a button"),
        (UNDO, (float("nan"),), "Send it alone, or with the 1 and 0 of a button"),
    ],
)
def test_what_a_row_does_not_take_is_refused_with_the_next_step(command: Command, args: Args, advice: str) -> None:
    assert refused(command, *args) == advice


def test_the_usage_has_type_tags_and_arguments_in_both_forms() -> None:
    assert [c.usage for c in ROWS] == [
        "/latentd/xy ff X Y", "/latentd/goto sf NAME [SECONDS]", "/latentd/save s NAME", "/latentd/lock si NAME ON",
        "/latentd/param/NAME f VALUE", "/latentd/undo", "/latentd/next f [SECONDS]",
        "/latentd/rename ss NAME NEW_NAME",
    ]  # fmt: skip
    assert [c.usage_of(True) for c in ROWS if c.takes_name] == [
        "/latentd/goto/NAME f [SECONDS]", "/latentd/save/NAME", "/latentd/lock/NAME i ON",
        "/latentd/param/NAME f VALUE", "/latentd/rename/NAME s NEW_NAME",
    ]  # fmt: skip


def test_a_name_in_the_address_is_the_first_argument_and_obeys_the_same_rules() -> None:
    assert read(LOCK, 1, name="volume") == ["volume", True]
    assert read(LOCK, 0, name="volume") == ["volume", False]
    assert read(PARAM, -0.5, name="cutoff") == ["cutoff", -0.5]
    assert read(PARAM, 0.0, name="cutoff") == ["cutoff", 0.0]
    assert read(GOTO, 4.0, name="intro") == ["intro", 4.0]
    assert read(NEXT, 4.0) == [4.0]
    assert read(NEXT) == []
    assert read(RENAME, "outro", name="intro") == ["intro", "outro"]
    assert read(GOTO, name="intro") == read(GOTO, IMPULSE, name="intro") == ["intro"]
    assert refused(LOCK, 1, name="volumes") == "Did you mean 'volume'?"
    assert "letters" in refused(SAVE, 1, name="..")
    assert refused(LOCK, name="volume") == "Send ON (1 or 0)"


@pytest.mark.parametrize("press", [(), (1,), (1.0,), (0.3,), (127,), (True,), (IMPULSE,), (None,)])
def test_a_buttons_press_is_the_message(press: Args) -> None:
    assert read(UNDO, *press) == []
    assert read(SAVE, "mine", *press) == read(SAVE, *press, name="mine") == ["mine"]
    assert read(RENAME, "a", "b", *press) == read(RENAME, "b", *press, name="a") == ["a", "b"]


@pytest.mark.parametrize("release", [0, 0.0, -0.0, False])
def test_a_buttons_release_does_nothing_but_where_a_value_is_needed_it_is_one(release: float) -> None:
    assert read(UNDO, release) is None
    assert read(SAVE, "mine", release) is read(SAVE, release, name="mine") is None
    assert read(GOTO, release, name="intro") is read(NEXT, release) is None
    assert read(RENAME, "a", "b", release) is read(RENAME, "b", release, name="a") is None
    assert read(GOTO, "intro", release) == ["intro", 0.0]
    assert read(LOCK, "volume", release) == read(LOCK, release, name="volume") == ["volume", False]


@pytest.mark.parametrize(
    ("command", "data", "name", "found"),
    [
        (XY, struct.pack(">ff", 0.25, 0.5), None, [0.25, 0.5]),
        (LOCK, b"volume\0\0" + struct.pack(">i", 1), None, ["volume", True]),
        (LOCK, struct.pack(">i", 0), "volume", ["volume", False]),
        (GOTO, b"intro\0\0\0", None, ["intro"]),
        (GOTO, b"intro\0\0\0" + struct.pack(">f", 2.5), None, ["intro", 2.5]),
        (GOTO, struct.pack(">f", 2.5), "intro", ["intro", 2.5]),
        (SAVE, b"mine\0\0\0\0", None, ["mine"]),
        (SAVE, struct.pack(">f", 1.0), "mine", ["mine"]),
        (SAVE, struct.pack(">f", 0.0), "mine", None),
        (UNDO, b"", None, []),
        (UNDO, struct.pack(">i", 1), None, []),
        (UNDO, struct.pack(">i", 0), None, None),
        (UNDO, bytes(8), None, []),  # padding
        (UNDO, b"\1", None, []),
    ],
)
def test_without_type_tags_the_row_says_what_the_bytes_are(
    command: Command, data: bytes, name: str | None, found: list[object] | None
) -> None:
    values = command.read(Message(command.path, (), data), name)
    assert (values is None) == (found is None)
    assert values is None or list(values) == found


def test_bytes_that_do_not_fit_are_refused() -> None:
    message = Message("/latentd/xy", (), b"abc\0")
    with pytest.raises(WrongValueError) as caught:
        XY.read(message)
    assert str(XY.refusal(message, None, caught.value)) == (
        "/latentd/xy ff X Y: found nothing. Send X (0 to 1) and Y (0 to 1)"
    )


VALUES = st.one_of(
    st.integers(-(2**63), 2**63 - 1),
    st.floats(),
    st.text(max_size=70),
    st.binary(max_size=8),
    st.booleans(),
    st.none(),
    st.just(IMPULSE),
    st.tuples(st.integers()),
)


@given(st.sampled_from(ROWS), st.lists(VALUES, max_size=5), st.none() | st.text(max_size=70))
def test_p4_whatever_comes_a_handler_gets_only_what_its_row_allows(
    command: Command, args: list[object], name: str | None
) -> None:
    message, name = Message(command.path, tuple(args)), name if command.takes_name else None
    try:
        values = command.read(message, name)
    except WrongValueError as error:
        refusal = str(command.refusal(message, name, error))
        assert refusal.startswith(command.usage_of(name is not None))
        assert len(refusal) < 400
        return
    for argument, value in zip(command.arguments, values or (), strict=False):
        if isinstance(argument, Number):
            in_range = type(value) is float and argument.low <= value <= argument.high
            assert in_range or (value is None and argument.nil)
        elif isinstance(argument, Flag):
            assert type(value) is bool
        elif isinstance(argument, Choice):
            assert value in argument.values
        else:
            assert isinstance(value, str) and is_name(value)


def test_a_mistake_is_the_same_whatever_the_numbers_and_another_with_another_name() -> None:
    def mistake(command: Command, *args: object) -> object:
        message = Message(command.path, args)
        with pytest.raises(WrongValueError) as caught:
            command.read(message)
        refusal = command.refusal(message, None, caught.value)
        assert isinstance(refusal, UsageError)
        return refusal.mistake

    assert mistake(XY, 0.5) == mistake(XY, 0.25)
    assert mistake(XY, 0.5) != mistake(XY, "a", 0.5)
    assert mistake(LOCK, "a", 1) != mistake(LOCK, "b", 1)


def test_what_latentd_sends_itself_is_no_request() -> None:
    status = row("status", answers="status s")
    assert status.is_answer(Message("/latentd/status", ("{}",)))
    assert not status.is_answer(Message("/latentd/status", ()))
    assert not status.is_answer(Message("/latentd/status", (1,)))
    copies = row("monitor", Flag("ON"), sends="monitor ssbi")
    assert copies.is_answer(Message("/latentd/monitor", ("osc", "127.0.0.1:9", None, 0)))
    assert not copies.is_answer(Message("/latentd/monitor", (1,)))
    assert not SAVE.is_answer(Message("/latentd/save", ("mine",)))


def test_the_addresses_that_are_known_beforehand_hold_the_choices() -> None:
    assert list(LOCK.addresses()) == ["/latentd/lock", "/latentd/lock/volume", "/latentd/lock/cutoff"]
    assert list(PARAM.addresses()) == ["/latentd/param/volume", "/latentd/param/cutoff"]
    assert list(GOTO.addresses()) == ["/latentd/goto"]


def test_an_argument_without_a_rule_cannot_be_made() -> None:
    class Forgetful(Argument):
        tag = "s"
        kind = "forgetful"

    with pytest.raises(TypeError, match=r"legal.*read"):
        Forgetful("NAME")  # type: ignore[abstract]  # which mypy finds, too
