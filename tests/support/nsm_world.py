"""An `osc` output, and what amSynths on any port were sent: a few lines of Python in place of each."""

from __future__ import annotations

from pathlib import Path

from latentd.instrument.point import Change
from latentd.osc import packets
from latentd.outputs.amsynth_osc.output import AmsynthOsc
from latentd.synth import amsynth
from tests.support.oracle import parse_bank

SYNTH = ("127.0.0.1", 20000)
OPEN = "/nsm/client/open"
CUTOFF = amsynth.INDEX["filter_cutoff"]


def announcement(name: str = "amsynth", executable: str = "amsynth") -> packets.Message:
    return packets.Message("/nsm/server/announce", (name, "", executable, 1, 0, 4711))


def reply() -> packets.Message:
    return packets.Message("/reply", (OPEN, "OK"))


class World:
    """An output, and what amSynths on any port were sent: each `open` with the patch in the folder at that time."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.sent: list[tuple[packets.Message, tuple[str, int]]] = []
        self.opens: list[tuple[tuple[str, int], dict[str, float] | None]] = []
        self.broken = False
        self.output = AmsynthOsc(self.sendto, root / "folder", root / "remembered.json")

    def sendto(self, datagram: bytes, address: tuple[str, int]) -> None:
        if self.broken:
            raise ConnectionRefusedError(111, "Connection refused")
        (message,) = packets.read(datagram)
        self.sent.append((message, address))
        if message.address == OPEN:
            self.opens.append((address, self.patch(Path(str(message.args[0])))))

    def patch(self, folder: Path) -> dict[str, float] | None:
        bank = folder / "bank"
        return (
            parse_bank(bank.read_text(), int((folder / "preset_number").read_text().split()[0]))
            if bank.exists()
            else None
        )

    def set(self, value: float, now: float, parameter: int = CUTOFF) -> None:
        self.output.send([Change(parameter, value)], now)

    def cutoffs(self) -> list[float | None]:
        """What each `open` would have set the cutoff to, as params 0..1; None: it had nothing to load."""
        return [None if patch is None else (patch["filter_cutoff"] + 0.5) / 2.0 for _, patch in self.opens]


def connected(world: World) -> World:
    assert world.output.receive(announcement(), SYNTH, 0.0)
    return world
