"""Every row of the table of messages, sent to a real daemon in every form. A new row needs a line in `CASES`."""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

import latentd
from latentd.cli.messages import markdown
from latentd.daemon.commands import BY_ADDRESS, BY_NAMED_ADDRESS, COMMANDS, find
from latentd.daemon.message_spec import PREFIX, Command
from latentd.errors import UserError
from latentd.model import bundle
from latentd.osc import packets
from tests.support.daemon import error
from tests.support.player import CENTRE, Player, playing
from tests.support.rig import wait_for

MARKER = "reverb_width"  # locked before each message: the newest change that undo can find besides the message itself
PARAMETER = "filter_cutoff"
ENDED_NOTES = '"midi": [176, 123, 0]'


@pytest.fixture(scope="module")
def shared() -> Iterator[Player]:
    with playing() as player:
        yield player


@pytest.fixture
def player(shared: Player) -> Iterator[Player]:
    shared.reset()
    yield shared
    assert shared.daemon.status()["counters"]["faults"] == 0, shared.daemon.log_text()


@dataclass(frozen=True)
class Case:
    """A message, and what it changes.

    Attributes:
        args: legal arguments, without the name.
        name: the name, of a message that takes one.
        seen: what the message is to change.
        becomes: what that is afterwards, from what it is before.
        prepare: what has to come first.
    """

    args: tuple[float | str, ...] = ()
    name: str = ""
    seen: Callable[[Player], Any] = lambda _: None
    becomes: Callable[[Any], Any] = lambda _: None
    prepare: Callable[[Player], None] = lambda _: None


def xy(player: Player) -> Any:
    return [round(v, 6) for v in player.daemon.status()["xy"]]


def moved(player: Player) -> bool:
    return bool(player.daemon.status()["xy"] != CENTRE)


def locked(name: str) -> Callable[[Player], bool]:
    return lambda player: name in player.status()["own"]


def landmarks(player: Player) -> Any:
    return player.status()["landmarks"]


def status(name: str) -> Callable[[Player], Any]:
    return lambda player: player.status()[name]


def saved(player: Player) -> bool:
    return (player.daemon.state / "banks" / "mine.bank").exists()


def record_one_point(player: Player) -> None:
    """A gesture that stands still at the lower edge."""
    player.send("/latentd/xy", 0.5, 0.0)
    player.send("/latentd/record", 1)
    player.daemon.settle()
    player.send("/latentd/record", 0)
    player.send("/latentd/xy", *CENTRE)


def recording(player: Player) -> bool:
    """True when a movement in the middle is being recorded: ended now, that plays, and not the one at the edge."""
    for x in (0.125, 0.875):
        player.send("/latentd/xy", x, 0.5)
        player.daemon.settle()
    player.send("/latentd/record", 0)
    player.send("/latentd/play", 1)
    wait_for(lambda: xy(player)[0] not in (0.125, 0.875), "a gesture")
    return bool(xy(player)[1] == 0.5)


def recorded(player: Player) -> None:
    player.send("/latentd/record", 1)
    assert recording(player)
    player.send("/latentd/play", 0)
    player.send("/latentd/xy", *CENTRE)
    wait_for(lambda: not moved(player), "the point")


def is_fed(player: Player) -> bool:
    """True when the point's movement reaches the feedback port."""
    player.send("/latentd/xy", 0.25 + 0.5 * (xy(player)[0] < 0.5), 0.5)
    player.daemon.settle()
    return any(message.address == "/latentd/xy" for message in player.answers(player.feedback))


def is_copied(player: Player) -> bool:
    """True when what arrives is copied to the client."""
    player.send("/nobody/takes/this", 1.0)
    player.daemon.settle()
    return any(message.address == "/latentd/monitor" for message in player.answers())


def limit_of(name: str) -> Callable[[Player], list[float | None] | None]:
    def ends(player: Player) -> list[float | None] | None:
        limits = player.status()["limits"].get(name)
        return limits and [end if end is None else round(end, 3) for end in limits]

    return ends


def landmark_there(player: Player) -> None:
    player.send("/latentd/xy", 0.25, 0.75)
    player.send("/latentd/landmark/save", "there")
    player.send("/latentd/xy", *CENTRE)
    wait_for(lambda: landmarks(player) == ["there"] and not moved(player), "the landmark")


LOW, HIGH = bundle.load().box
CASES = {
    "x": Case((0.25,), seen=xy, becomes=lambda _: [0.25, 0.5]),
    "y": Case((0.75,), seen=xy, becomes=lambda _: [0.5, 0.75]),
    "xy": Case((0.25, 0.75), seen=xy, becomes=lambda _: [0.25, 0.75]),
    "z": Case(tuple((LOW + (HIGH - LOW) * (0.25, 0.75)).tolist()), seen=xy, becomes=lambda _: [0.25, 0.75]),
    "touch": Case((1,), seen=status("touch"), becomes=lambda _: True),
    "freeze": Case((1,), seen=status("frozen"), becomes=lambda _: True),
    "landmark/save": Case(name="here", seen=landmarks, becomes=lambda _: ["here"]),
    "landmark/goto": Case(name="there", seen=xy, becomes=lambda _: [0.25, 0.75], prepare=landmark_there),
    "landmark/delete": Case(name="there", seen=landmarks, becomes=lambda _: [], prepare=landmark_there),
    "lock": Case((1,), "master_vol", locked("master_vol"), lambda _: True),
    "param/NAME": Case(
        (-0.25,), PARAMETER, lambda player: round(player.status()["patch"][PARAMETER], 4), lambda _: -0.25
    ),
    "limit/low": Case((-12.0,), "osc2_detune", limit_of("osc2_detune"), lambda _: [-12.0, None]),
    "limit/high": Case((12.0,), "osc2_detune", limit_of("osc2_detune"), lambda _: [None, 12.0]),
    "limit": Case((-12.0, 12.0), "osc2_detune", limit_of("osc2_detune"), lambda _: [-12.0, 12.0]),
    "save": Case(name="mine", seen=saved, becomes=lambda _: True),
    "undo": Case(seen=locked(MARKER), becomes=lambda _: False),
    "panic": Case(seen=lambda player: player.daemon.log_text().count(ENDED_NOTES), becomes=lambda before: before + 1),
    "model": Case(name="paper", seen=status("model"), becomes=lambda _: "paper"),
    "wander": Case((1,), seen=moved, becomes=lambda _: True),
    "notes": Case((1,), seen=lambda player: player.status()["notes"]["state"], becomes=lambda _: "sent to the synth"),
    "record": Case((1,), seen=recording, becomes=lambda _: True, prepare=record_one_point),
    "play": Case((1,), seen=moved, becomes=lambda _: True, prepare=recorded),
    "subscribe": Case((1,), seen=is_fed, becomes=lambda _: True),
    "monitor": Case((1,), seen=is_copied, becomes=lambda _: True),
    "status": Case(),
    "ping": Case(),
}


PLAIN = [(command, False) for command in COMMANDS if not command.only_in_address]
IN_ADDRESS = [(command, True) for command in COMMANDS if command.takes_name]
FORMS = [*PLAIN, *IN_ADDRESS]


def form_id(value: object) -> str:
    return value.address if isinstance(value, Command) else "named" if value else "plain"


def message(command: Command, in_address: bool, *args: float | str) -> tuple[str, tuple[float | str, ...]]:
    """Address and arguments of a row in one of its forms."""
    case = CASES[command.address]
    if in_address:
        return f"{command.path}/{case.name}", args
    return command.path, (*filter(None, [case.name]), *args)


def await_answer(player: Player, command: Command) -> None:
    """Wait for the answer that the row names, if it does."""
    address, _, tags = command.answers.partition(" ")

    def is_answered() -> bool:
        return any(m.address == PREFIX + address and len(m.args) == len(tags) for m in player.answers())

    if address:
        wait_for(is_answered, "the answer")


def marked(player: Player, case: Case) -> None:
    """Prepared, and one change made that undo would take back."""
    case.prepare(player)
    player.send("/latentd/lock", MARKER, 1)
    wait_for(lambda: locked(MARKER)(player), "the lock")
    player.daemon.settle()
    player.answers()


@pytest.mark.parametrize(("command", "in_address"), FORMS, ids=form_id)
def test_every_message_does_what_its_row_says_and_undo_takes_back_what_it_can(
    player: Player, command: Command, in_address: bool
) -> None:
    case = CASES[command.address]
    marked(player, case)
    before = case.seen(player)
    after = case.becomes(before)
    assert before != after or (before is after is None and command.answers), "the case shows no change"
    player.answers()
    args = case.args or ((1.0,) if in_address else ())
    address, args = message(command, in_address, *args)
    player.send(address, *args)
    await_answer(player, command)
    wait_for(lambda: case.seen(player) == after, "the change")
    if command.address == "undo":
        return
    player.send("/latentd/freeze", 0)
    player.send("/latentd/undo")
    if command.undo:
        wait_for(lambda: case.seen(player) == before, "undo")
        assert locked(MARKER)(player), "the undo took back more"
    else:
        wait_for(lambda: not locked(MARKER)(player), "undo of the change before the message")


TRIGGERS = [
    (command, in_address)
    for command, in_address in FORMS
    if command.is_trigger and (in_address or command.address != "landmark/goto")  # there the number is the seconds
]


@pytest.mark.parametrize(("command", "in_address"), TRIGGERS, ids=form_id)
def test_the_release_of_a_button_does_nothing(player: Player, command: Command, in_address: bool) -> None:
    case = CASES[command.address]
    marked(player, case)
    before = case.seen(player)
    address, args = message(command, in_address, *case.args, 0.0)
    player.send(address, *args)
    player.finish()
    assert case.seen(player) == before
    assert not player.answers()
    player.send("/latentd/undo")
    wait_for(lambda: not locked(MARKER)(player), "undo of the change before")


@pytest.mark.parametrize(("command", "in_address"), TRIGGERS, ids=form_id)
def test_the_press_of_a_button_is_the_message(player: Player, command: Command, in_address: bool) -> None:
    case = CASES[command.address]
    marked(player, case)
    after = case.becomes(case.seen(player))
    address, args = message(command, in_address, *case.args, 1.0)
    player.send(address, *args)
    await_answer(player, command)
    wait_for(lambda: case.seen(player) == after, "the change")


@pytest.mark.parametrize(
    ("args", "answer"),
    [
        (("osc2_detune", 5.0, -5.0), "5 is above -5; write the lower end first"),
        (("osc2_detune", 500.0, 600.0), "osc2_detune goes from -386.3 to 386.3 cents"),
        (("detune", 0.0, 1.0), "Did you mean 'osc2_detune'?"),
        (("osc2_detune", 5.0), "/latentd/limit sff NAME LOW HIGH"),
    ],
)
def test_a_limit_that_cannot_be_is_answered_and_changes_nothing(
    player: Player, args: tuple[float | str, ...], answer: str
) -> None:
    player.send("/latentd/limit", *args)
    found: list[packets.Message] = []

    def answered() -> bool:
        found.extend(player.answers())
        return bool(found)

    wait_for(answered, "the answer")
    assert answer in str(found[0].args[-1])
    assert not player.status()["limits"]


def test_a_limit_with_nil_is_open_there_and_with_two_it_ends(player: Player) -> None:
    player.send("/latentd/limit", "amp_attack", None, 0.5)
    wait_for(lambda: player.status()["limits"].get("amp_attack"), "the limit")
    low, high = player.status()["limits"]["amp_attack"]
    assert (low, round(high, 4)) == (None, 0.5)
    player.send("/latentd/limit", "amp_attack", None, None)
    wait_for(lambda: not player.status()["limits"], "its end")


def test_a_lock_in_an_address_is_given_back_with_0(player: Player) -> None:
    player.send("/latentd/lock/master_vol", 1)
    wait_for(lambda: locked("master_vol")(player), "the lock")
    player.send("/latentd/lock/master_vol", 0.0)
    wait_for(lambda: not locked("master_vol")(player), "its end")


@pytest.mark.parametrize(("command", "in_address"), FORMS, ids=form_id)
def test_wrong_arguments_are_answered_with_the_row(player: Player, command: Command, in_address: bool) -> None:
    address, _ = message(command, in_address)
    answer = error(player.daemon, address, *(["wrong"] * 9))
    found = [CASES[command.address].name] * in_address + ["wrong"] * 9
    assert answer.startswith(f"{command.usage_of(in_address)}: found {', '.join(map(repr, found[:4]))} …. Send ")


def test_every_row_has_a_case_and_todays_addresses_are_there() -> None:
    assert CASES.keys() == {command.address for command in COMMANDS}
    assert CASES.keys() >= {
        "xy", "z", "touch", "freeze", "landmark/save", "landmark/goto", "landmark/delete", "lock", "param/NAME", "save",
        "undo", "panic", "model", "wander", "record", "play", "subscribe", "monitor", "status", "ping",
    }  # fmt: skip


@pytest.mark.parametrize(
    ("address", "usage"),
    [
        ("landmark/got", "landmark/goto sf NAME [SECONDS]"),
        ("landmark/gotoo/intro", "landmark/goto sf NAME [SECONDS]"),
        ("params/filter_cutoff", "param/NAME f VALUE"),
        ("undoo", "undo"),
        ("lokc", "lock si NAME ON"),
    ],
)
def test_a_wrong_address_is_answered_with_the_nearest_row(address: str, usage: str) -> None:
    with pytest.raises(UserError) as caught:
        find(PREFIX + address)
    assert str(caught.value) == f"'{PREFIX}{address}': no such message. Did you mean {PREFIX}{usage}?"


@pytest.mark.parametrize("address", ["gibberish", "", "/", "x" * 60000, "\udcff"])
def test_an_address_that_is_like_none_is_answered_with_where_all_are(address: str) -> None:
    with pytest.raises(UserError) as caught:
        find(PREFIX + address)
    assert "`latentd messages` lists them all" in str(caught.value)
    assert len(str(caught.value)) < 200


@pytest.mark.parametrize("command", COMMANDS, ids=form_id)
def test_every_row_fits_its_handler(command: Command) -> None:
    parameters = list(inspect.signature(command.handler).parameters.values())[1:]
    assert [parameter.default is not parameter.empty for parameter in parameters] == [
        argument.optional for argument in command.arguments
    ]
    optional = [argument.optional for argument in command.arguments]
    assert optional == sorted(optional), "only the last arguments may be left out"
    assert command.handler.__doc__ and command.does and command.does[0].islower() and not command.does.endswith(".")


def test_no_address_means_two_rows() -> None:
    assert len(BY_ADDRESS) + sum(c.only_in_address for c in COMMANDS) == len(COMMANDS)
    assert not BY_ADDRESS.keys() & {f"{path}/{case.name}" for path in BY_NAMED_ADDRESS for case in CASES.values()}


def test_the_readme_has_the_table_that_the_command_prints() -> None:
    text = (Path(latentd.__file__).parent / "README.md").read_text(encoding="utf-8")
    section = text.partition("## OSC control interface")[2]
    table = re.search(r"^\| message .*?(?=\n\n|\Z)", section, re.DOTALL | re.MULTILINE)
    assert table, "latentd/README.md has no table of messages"
    assert table[0].strip() == markdown()
