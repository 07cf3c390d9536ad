"""The process callback of a port, which is closed at the end."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.support.jack_cycle import Rig


@pytest.fixture
def rig() -> Iterator[Rig]:
    rig = Rig()
    yield rig
    rig.port.close()
