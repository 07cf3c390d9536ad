"""Messages of clients that want to know something."""

from __future__ import annotations

from latentd.daemon.context import Call


def status(call: Call) -> None:
    """Answer with everything that can be known."""
    call.context.host.ask_status(call.sender)


def ping(call: Call) -> None:
    """Answer at once."""
    call.reply("/latentd/pong")


def subscribe(call: Call, on: bool) -> None:
    """Begin, renew or end sending the point to the client's host."""
    call.context.host.feedback.subscribe(call.sender, on, call.now)


def monitor(call: Call, on: bool) -> None:
    """Begin, renew or end sending copies of what arrives."""
    call.context.host.monitors.subscribe(call.sender, on, call.now)
