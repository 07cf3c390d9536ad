"""Helpers of the input tests: inputs with mappings, some from text, that receive bytes as they come over the wire."""

from __future__ import annotations

import functools
from pathlib import Path

from latentd.inputs.mapping import DeviceMapping, MappingFile, load_mapping
from latentd.inputs.receiver import Inputs
from latentd.instrument.point import Point
from latentd.osc import packets
from latentd.schema.documents import parse_document
from latentd.status import Counters

loaded = functools.cache(load_mapping)  # reading YAML is slow, and what is read never changes
Place = tuple[float | None, float | None, bool | None]


class Receiver:
    """Inputs with shipped mappings (by name) and one more from text, and the points that come out."""

    def __init__(self, *names: str, text: str = "") -> None:
        self.counters = Counters()
        mappings = [loaded(name) for name in names]
        if text:
            mappings.append(
                DeviceMapping("text", Path("text.yaml"), parse_document(f"title: t\n{text}", "t", MappingFile))
            )
        self.inputs = Inputs(mappings, self.counters)

    def datagram(self, packet: bytes, now: float = 0.0) -> bool:
        """True if a mapping uses any of its messages."""
        used = [self.inputs.osc(message, now) for message in packets.read(packet, self.counters)]
        return any(used)

    def osc(self, address: str, *args: float | str | bool | None, now: float = 0.0) -> bool:
        return self.datagram(packets.write(address, *args), now)

    def midi(self, *data: int, port: str = "port", now: float = 0.0) -> bool:
        return self.inputs.midi(bytes(data), port, now)

    def point(self, now: float | None = None) -> Point | None:
        """The one new point, or None."""
        points = self.inputs.take(now)
        assert len(points) <= 1
        return points[0] if points else None

    def place(self, now: float | None = None) -> Place | None:
        """x, y and touch of the one new point, rounded to what float32 keeps, or None."""
        point = self.point(now)
        if point is None:
            return None
        x, y = (None if v is None else round(v, 6) for v in (point.x, point.y))
        return x, y, point.touch
