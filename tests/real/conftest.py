"""Fixtures: a private JACK server of either kind, and amSynth on it."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.support.rig import Server, jackd, pipewire


@pytest.fixture
def jack_server() -> Iterator[Server]:
    """A fresh jackd (48 kHz, 64 frames)."""
    with jackd() as server:
        yield server


@pytest.fixture
def pipewire_server() -> Iterator[Server]:
    """A fresh PipeWire session."""
    with pipewire() as server:
        yield server


@pytest.fixture(params=["jackd2", "pipewire"])
def server(request: pytest.FixtureRequest) -> Iterator[Server]:
    """Each kind of JACK server in turn."""
    with jackd() if request.param == "jackd2" else pipewire() as server:
        yield server
