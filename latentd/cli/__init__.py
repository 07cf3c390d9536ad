"""The command line: one file per command, imported only when it is called."""

from __future__ import annotations

import errno
import gc
import importlib
import os
import sys

import click

from latentd import __version__
from latentd.errors import LatentdError

# Command -> one line for `latentd --help`. The command itself is `command` in latentd/cli/NAME.py.
COMMANDS = {
    "run": "Play: start the daemon.",
    "demo": "See and hear it at once: JACK, amSynth, the daemon, notes and a gesture.",
    "decode": "Print the patch at a pad point; no synth needed.",
    "encode": "Print the pad point of presets or banks.",
    "status": "Ask a running daemon for its counters and latencies.",
    "monitor": "Show the messages that arrive, and what the mappings make of them.",
    "messages": "List the OSC messages that play and control a running daemon.",
    "send": "Send one of them to a running daemon.",
    "check": "Check configuration and mapping files; list every mistake.",
    "ports": "List MIDI ports (JACK and ALSA) and network addresses to aim a controller at.",
    "doctor": "Find out what keeps this machine from playing, and the next step.",
    "midimap": "Print or install the controllers file that lets MIDI reach all of amSynth's parameters.",
    "render": "Render presets, banks or pad points to audio (needs the offline extra).",
    "timbre": "Describe the timbre and loudness of audio files (needs the offline extra).",
    "corpus": "Check preset banks; list duplicates; write them as a table.",
    "train": "Train a model on preset banks (needs the offline extra).",
    "map": "Draw the timbre of a model's pad (needs the offline extra).",
    "evaluate": "Measure the quality of a model (needs the offline extra).",
}


class _Commands(click.Group):
    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, name: str) -> click.Command | None:
        if name not in COMMANDS:
            return None
        gc.disable()  # imports leave next to no garbage, and looking for it takes a tenth of every start
        command: click.Command = importlib.import_module(f"latentd.cli.{name}").command
        gc.enable()
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl(list(COMMANDS.items()))


@click.command(cls=_Commands, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110})
@click.version_option(__version__, prog_name="latentd")
def cli() -> None:
    """Play amSynth's whole sound from one point on a pad."""


def main() -> None:
    """Entry point: every error a user can meet becomes one line and an exit code; tracebacks are for bugs."""
    # numpy's matrices are small here: threads for them would only make every start slower. Read when numpy is imported.
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    try:
        code = cli.main(prog_name="latentd", standalone_mode=False)
        sys.exit(code if isinstance(code, int) else 0)
    except click.exceptions.NoArgsIsHelpError as error:
        error.show()
        sys.exit(error.exit_code)
    except click.ClickException as error:
        context = getattr(error, "ctx", None)
        where = context.command_path if context else "latentd"
        click.echo(f"{where}: {error.format_message()} See `{where} --help`", err=True)
        sys.exit(error.exit_code)
    except LatentdError as error:
        click.echo(f"latentd: {error}", err=True)
        sys.exit(error.exit_code)
    except click.Abort:
        sys.exit(130)
    except BrokenPipeError:
        # The reader of our output left (`latentd decode … | head`): not an error, and nothing more to say.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(0)
    except OSError as error:
        if error.errno != errno.ENOSPC:
            raise
        click.echo(f"latentd: {error.strerror}. Make room, then try again", err=True)
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # what is left in the buffer
        sys.exit(1)
