"""The command line: one file per command, imported only when it is called."""

from __future__ import annotations

import errno
import gc
import importlib
import io
import os
import sys

import click

from latentd import __version__
from latentd.errors import LatentdError

# Command -> its line in `latentd --help`. The command itself is `command` in latentd/cli/NAME.py.
COMMANDS = {
    "run": "Play: start the daemon.",
    "demo": "See and hear it at once: JACK, amSynth, the daemon, notes and a moving point.",
    "decode": "Print the patch at a pad point; no synth needed.",
    "encode": "Print the pad point of presets or banks.",
    "status": "Ask a running daemon for its counters and latencies.",
    "monitor": "Show the messages that arrive, and what the mappings make of them.",
    "messages": "List the OSC messages that play and control a running daemon.",
    "send": "Send one OSC message to a running daemon.",
    "check": "Check configuration and mapping files; list every mistake.",
    "ports": "List MIDI ports (JACK and ALSA) and the network addresses for controllers.",
    "doctor": "Find out what prevents this machine from playing, and the next step.",
    "midimap": "Print or install the controllers file with which MIDI reaches all of amSynth's parameters.",
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
        gc.disable()  # imports leave almost no garbage, and collecting takes a tenth of every start
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


def _buffer_output() -> None:
    """With PYTHONUNBUFFERED, Python drops what a full disk does not take of a write, and reports nothing."""
    raw = getattr(sys.stdout, "buffer", None)
    if isinstance(raw, io.RawIOBase):
        encoding, errors = sys.stdout.encoding, sys.stdout.errors
        sys.stdout = io.TextIOWrapper(io.BufferedWriter(raw), encoding, errors, line_buffering=True)


def main() -> None:
    """Entry point: an error that a user can meet becomes one line and an exit code; tracebacks are for bugs."""
    # numpy reads this when it is imported. The matrices here are small: threads would only make every start slower.
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    _buffer_output()
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
        # The reader of the output has ended (`latentd decode … | head`), which is not an error.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(0)
    except OSError as error:
        from latentd.system import files  # seldom needed, and importing it takes a tenth of a start

        # The output is a full file, or on a disk that is gone.
        step = "Free some space, then try again" if files.is_full(error) else "Write the output elsewhere"
        if not files.is_full(error) and (error.errno != errno.EIO or error.filename):
            raise
        where = f"{error.filename}: " if error.filename else ""
        click.echo(f"latentd: {where}{error.strerror}. {step}", err=True)
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # for what is left in the buffer
        sys.exit(1)
