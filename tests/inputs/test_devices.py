"""`data/devices.txt`, the table of what devices send, held against every mapping that comes with latentd."""

from __future__ import annotations

import re
from pathlib import Path
from typing import NamedTuple

import pytest

from latentd.inputs.mapping import DeviceMapping, OscMessage, shipped_mappings
from latentd.instrument.gesture import Gesture
from latentd.osc.packets import matches
from tests.support.mapped import Receiver, loaded

TABLE = Path(__file__).parents[1] / "data" / "devices.txt"
# A moment later every filter has closed in and every timeout has passed.
APART_S = 10.0
# The table gives three decimals.
CLOSE = 6e-4


class Moment(NamedTuple):
    """One line of the table: what is sent at once, and the point and the touch that come of it."""

    sent: list[str]
    x: float
    y: float
    touch: bool | None


def table() -> dict[str, list[Moment]]:
    """Mapping -> its moments, in order."""
    devices: dict[str, list[Moment]] = {}
    for line in TABLE.read_text(encoding="utf-8").splitlines():
        if line.startswith("#") or not line.strip():
            continue
        if not line.startswith(" "):
            moments = devices[line] = []
            continue
        sent, _, point = line.partition(" -> ")
        x, y, *touch = point.split()
        moments.append(Moment(sent.strip().split("; "), float(x), float(y), touch == ["on"] if touch else None))
    return devices


DEVICES = table()


def argument(word: str) -> list[float | str]:
    """`7`, `0.5`, `r_hand`, or `0.0*32` for many."""
    value, _, times = word.partition("*")
    if re.fullmatch(r"-?\d+", value):
        return [int(value)] * int(times or 1)
    if re.fullmatch(r"-?\d+\.\d+", value):
        return [float(value)] * int(times or 1)
    return [value]


def send(receiver: Receiver, message: str, now: float) -> None:
    if message.startswith("/"):
        address, *words = message.split()
        receiver.osc(address, *(value for word in words for value in argument(word)), now=now)
    else:
        receiver.midi(*bytes.fromhex(message), now=now)


def settle(gesture: Gesture, receiver: Receiver, now: float) -> None:
    """Let the gesture have what came, and all the steps that it asks for."""
    gesture.step(receiver.inputs.take(now), now)
    due = receiver.inputs.due()
    if due is not None:
        gesture.step(receiver.inputs.take(due), due)
    while (step := gesture.next_step(now)) is not None:
        now = step
        gesture.step([], now)


@pytest.mark.parametrize("name", DEVICES)
def test_what_the_device_sends_puts_the_point_where_its_sources_say(name: str) -> None:
    receiver = Receiver(name)
    gesture = Gesture({name: loaded(name).gesture})
    for i, moment in enumerate(DEVICES[name]):
        now = i * APART_S
        for message in moment.sent:
            send(receiver, message, now)
        settle(gesture, receiver, now)
        assert gesture.xy == pytest.approx((moment.x, moment.y), abs=CLOSE), moment.sent
        assert gesture.touched is moment.touch, moment.sent
    assert receiver.counters.malformed == 0


def test_the_table_names_exactly_the_mappings_that_come_with_latentd() -> None:
    assert sorted(DEVICES) == sorted(path.stem for path in shipped_mappings())


def has_touch(mapping: DeviceMapping) -> bool:
    file = mapping.file
    if file.osc:
        return any(message.touch is not None for message in file.osc.messages)
    return not file.midi or bool(file.midi.touch or file.midi.pads)


@pytest.mark.parametrize("name", DEVICES)
def test_the_table_moves_x_and_y_apart_and_touches_and_lets_go(name: str) -> None:
    moments = DEVICES[name]
    assert len({moment.x for moment in moments}) > 1
    assert len({moment.y for moment in moments}) > 1
    assert any(moment.x != moment.y for moment in moments)
    touches = {moment.touch for moment in moments} - {None}
    assert touches == ({True, False} if has_touch(loaded(name)) else set())


def osc_messages() -> list[tuple[str, OscMessage]]:
    """Every message that a shipped mapping names, with the mapping's name."""
    found = []
    for path in shipped_mappings():
        section = loaded(path.stem).file.osc
        found += [(path.stem, message) for message in section.messages] if section else []
    return found


@pytest.mark.parametrize(("name", "message"), osc_messages(), ids=lambda value: getattr(value, "address", value))
def test_every_osc_message_that_a_mapping_names_is_in_the_table(name: str, message: OscMessage) -> None:
    sent = [text.split() for moment in DEVICES[name] for text in moment.sent]
    meant = [
        args
        for address, *args in sent
        if matches(message.address, address) and all(args[i] == str(value) for i, value in message.only.items())
    ]
    assert meant, message
