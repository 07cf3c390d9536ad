"""`latentd messages`: the table of messages that a running daemon takes."""

from __future__ import annotations

import json
import shutil

import click

from latentd.daemon.commands import COMMANDS
from latentd.daemon.message_spec import PREFIX, Command

_NARROWEST = 80


@click.command("messages", epilog="\b\nExamples:\n  latentd messages\n  latentd messages --json")
@click.option("--json", "as_json", is_flag=True, help="One JSON array, for programs.")
@click.option("--markdown", "as_markdown", is_flag=True, help="The table of latentd/README.md.")
def command(as_json: bool, as_markdown: bool) -> None:
    """List the OSC messages that play and control a running daemon."""
    if as_json:
        click.echo(json.dumps([command.facts() for command in COMMANDS], indent=1))
    else:
        click.echo(markdown() if as_markdown else text(shutil.get_terminal_size().columns))


def text(width: int) -> str:
    """The table in two columns, wrapped at `width` characters."""
    formatter = click.HelpFormatter(width=max(width, _NARROWEST))
    formatter.write_dl([(command.usage, _sentences(command)) for command in COMMANDS], col_max=50)
    return formatter.getvalue().rstrip("\n")


def markdown() -> str:
    """The table of latentd/README.md."""
    rows = ((f"`{c.usage}`", c.does, _limits(c), ", ".join(_answers(c)), "yes" * c.undo) for c in COMMANDS)
    return "\n".join(
        (
            "| message | does | limits | answer | undo |",
            "|---|---|---|---|---|",
            *(f"| {' | '.join(row)} |" for row in rows),
        )
    )


def _sentences(command: Command) -> str:
    """A whole row but for its usage."""
    parts = [command.does[:1].upper() + command.does[1:]]
    parts += [f"Limits: {limits}" for limits in (_limits(command),) if limits]
    parts += [answer[:1].upper() + answer[1:] for answer in _answers(command)]
    parts += ["Can be undone"] * command.undo
    return ". ".join(parts).replace("`", "")


def _limits(command: Command) -> str:
    """The limits of the arguments, then those of the message."""
    names: dict[str, list[str]] = {}
    for argument in command.arguments:
        names.setdefault(argument.limits, []).append(argument.name)
    parts = [f"{' and '.join(names[limits])} {limits}" for limits in names if limits]
    return ", ".join((*parts, *filter(None, [command.limits])))


def _answers(command: Command) -> list[str]:
    pairs = (("answers", command.answers), ("sends", command.sends))
    return [f"{verb} `{PREFIX}{answer}`" for verb, answer in pairs if answer]
