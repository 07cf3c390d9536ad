"""`latentd send`: one message to a running daemon, and what it answers."""

from __future__ import annotations

import contextlib
import itertools
import json
from typing import NamedTuple

import click
from click.shell_completion import CompletionItem

from latentd.config.config import load_config
from latentd.daemon.arguments import Argument, Number, WrongValueError
from latentd.daemon.commands import COMMANDS, find
from latentd.daemon.message_spec import PREFIX
from latentd.osc.client import Client
from latentd.osc.packets import Message


def _complete(_ctx: click.Context, _param: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """Addresses that begin like this; those with a name in them once all before the name is there."""
    left_out = "" if incomplete.startswith("/") or not incomplete else PREFIX
    start = left_out + incomplete
    return [
        CompletionItem(address.removeprefix(left_out), help=command.does)
        for command in COMMANDS
        for address in command.addresses()
        if address.startswith(start) and (address == command.path or start.startswith(f"{command.path}/"))
    ]


@click.command(
    "send",
    context_settings={"ignore_unknown_options": True},  # a negative number is no option
    epilog="\b\nExamples:\n"
    "  latentd send /latentd/xy 0.3 0.8\n"
    "  latentd send landmark/goto intro 4\n"
    "  latentd send param/filter_cutoff -0.25 --to 192.168.1.20:8000\n\n"
    "\b\nTo complete addresses in bash:\n"
    '  eval "$(_LATENTD_COMPLETE=bash_source latentd)"',
)
@click.argument("address", shell_complete=_complete)
@click.argument("args", nargs=-1)
@click.option("--to", metavar="HOST:PORT", help="The daemon to send to.  [the one that listens where `run` would]")
@click.option("--json", "as_json", is_flag=True, help="One JSON object, for programs.")
def command(address: str, args: tuple[str, ...], to: str | None, as_json: bool) -> None:
    """Send one message to a running daemon; `latentd messages` lists them.

    ADDRESS may leave out the leading /latentd/. ARGS are numbers and names, as the message takes them; `nil` where it
    takes nil.
    """
    request = parse(address if address.startswith("/") else PREFIX + address, args)
    with Client(to or load_config(None).listen) as client:
        answer = client.confirm(request.address, *request.args, answer=request.answer)
    if as_json:
        facts = {"address": answer.address, "args": answer.args} if answer else None
        click.echo(json.dumps({"address": request.address, "args": request.args, "answer": facts}))
    else:
        click.echo(" ".join(map(str, (answer.address, *answer.args))) if answer else "accepted")


class Request(NamedTuple):
    """A message to send, and the address of the answer to wait for; empty where none will come."""

    address: str
    args: tuple[float | str | None, ...]
    answer: str


def parse(address: str, words: tuple[str, ...]) -> Request:
    """The message that these words mean.

    Raises:
        UserError: there is no such message, or it takes other arguments.
    """
    command, name = find(address)
    arguments = command.sent(name is not None)[: len(words)]
    args = tuple(_value(word, argument) for word, argument in itertools.zip_longest(words, arguments))
    message = Message(address, args)
    try:
        is_release = command.read(message, name) is None
    except WrongValueError as error:
        raise command.refusal(message, name, error) from error
    answers = "" if is_release else command.answers.partition(" ")[0]
    return Request(address, args, answers and PREFIX + answers)


def _value(word: str, argument: Argument | None) -> float | str | None:
    """A word as its argument's type. One that is no number stays a word: the message refuses it as such."""
    tag = argument.tag if argument else "f"
    if word == "nil" and isinstance(argument, Number) and argument.nil:
        return None
    with contextlib.suppress(ValueError):
        return word if tag == "s" else int(word) if tag == "i" else float(word)
    return word
