"""A client of the control interface: requests with a time limit for the answer."""

from __future__ import annotations

import contextlib
import json
import math
import socket
import time
from typing import Any

from latentd.errors import LatentdError, UserError
from latentd.osc import packets
from latentd.osc.address import join_address, loopback, resolve, split_address


class Refused(UserError):
    """The daemon answered with an error, which is the message."""


class Client:
    """Exchanges messages with a running daemon at `HOST:PORT`. Use as a context manager."""

    def __init__(self, to: str) -> None:
        try:
            host, port = split_address(to)
        except ValueError as error:
            raise UserError(f"{to!r}: {error}") from error
        self._where = join_address(loopback(host), port)
        try:
            family, address = resolve(loopback(host), port)
        except OSError as error:
            raise UserError(f"{to!r}: {error.strerror}", "`ip address` lists the interfaces") from error
        self._socket = socket.socket(family, socket.SOCK_DGRAM)
        self._socket.connect(address)

    def __enter__(self) -> Client:
        return self

    def __exit__(self, *exc: object) -> None:
        self._socket.close()

    def send(self, address: str, *args: float | str) -> None:
        """Send one message; it is no error if nobody listens."""
        with contextlib.suppress(ConnectionRefusedError, BlockingIOError):
            self._socket.send(packets.write(address, *args))

    def ask(self, address: str, *args: float | str, limit_s: float = 1.0, again_s: float = math.inf) -> packets.Message:
        """Send one message and return its answer; send it again every `again_s` seconds until the answer comes.

        Raises:
            LatentdError: no answer within `limit_s`.
            Refused: the daemon answered with an error.
        """
        until = time.monotonic() + limit_s
        packet = packets.write(address, *args)
        try:
            while (left := until - time.monotonic()) > 0.0:
                self._socket.send(packet)
                self._socket.settimeout(min(left, again_s))
                with contextlib.suppress(TimeoutError):
                    return _answer(self._socket.recv(65536))
        except ConnectionRefusedError as error:
            raise self._no_answer() from error
        except packets.Malformed as error:
            raise self._other_program() from error
        raise self._no_answer()

    def confirm(
        self, address: str, *args: float | str | None, answer: str = "", limit_s: float = 1.0, answer_s: float = 10.0
    ) -> packets.Message | None:
        """Send one message and a ping. The daemon answers in order, so an error comes before the pong.

        Args:
            address: of the message.
            args: of the message.
            answer: the address of the answer; empty for a message without one.
            limit_s: how long to wait for the pong, s.
            answer_s: how long to wait for the answer after the pong, s: the daemon may write a file or load a model.

        Returns:
            The answer; None for a message without one.

        Raises:
            LatentdError: no pong, or no answer, in time.
            Refused: the daemon answered with an error.
        """
        found: packets.Message | None = None
        confirmed = False
        until = time.monotonic() + limit_s
        try:
            for packet in (packets.write(address, *args), packets.write("/latentd/ping")):
                self._socket.send(packet)
            while not confirmed or (answer and found is None):
                self._socket.settimeout(max(until - time.monotonic(), 0.001))
                message = _answer(self._socket.recv(65536))
                if message.address == answer:
                    found = message
                if message.address == "/latentd/pong" and not confirmed:
                    confirmed, until = True, time.monotonic() + answer_s
        except TimeoutError as error:
            if confirmed:
                raise LatentdError(
                    f"{address} was accepted, but {answer} did not follow within {answer_s:g} s",
                    "`latentd status` and the daemon's log may have the reason",
                ) from error
            raise self._no_answer() from error
        except ConnectionRefusedError as error:
            raise self._no_answer() from error
        except packets.Malformed as error:
            raise self._other_program() from error
        return found

    def _no_answer(self) -> LatentdError:
        return LatentdError(
            f"no latentd answers at {self._where}", "Start one with `latentd run`, or give its address with --to"
        )

    def _other_program(self) -> LatentdError:
        return LatentdError(f"another program listens at {self._where}", "Give latentd's address with --to")

    def fileno(self) -> int:
        """Readable when `take` has something."""
        return self._socket.fileno()

    def take(self) -> list[packets.Message]:
        """The messages since the last call, without waiting; datagrams that are not OSC are ignored."""
        found: list[packets.Message] = []
        self._socket.setblocking(False)
        while True:
            try:
                found += packets.read(self._socket.recv(65536))
            except BlockingIOError:
                return found
            except (ConnectionRefusedError, packets.Malformed):
                continue

    def status(self, limit_s: float = 1.0) -> dict[str, Any]:
        """The daemon's status, from `/latentd/status`.

        Raises:
            LatentdError: no answer, or another program's.
        """
        facts = read_facts(self.ask("/latentd/status", limit_s=limit_s, again_s=0.3))
        if facts is None:
            raise self._other_program()
        return facts


def read_facts(message: packets.Message) -> dict[str, Any] | None:
    """The status in a daemon's `/latentd/status`; None for any other message."""
    if message.address != "/latentd/status" or len(message.args) != 1:
        return None
    try:
        facts = json.loads(str(message.args[0]))
    except ValueError:
        return None
    return facts if isinstance(facts, dict) and "version" in facts else None


def _answer(packet: bytes) -> packets.Message:
    messages = packets.read(packet)
    if not messages:
        raise packets.Malformed("an empty bundle")
    if messages[0].address == "/latentd/error":
        raise Refused(str(*messages[0].args[:1]) or "the daemon refused without a reason")
    return messages[0]
