"""`latentd timbre`: the seven timbral descriptors, loudness, silence and onsets of audio files."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from latentd.cli.requirements import need
from latentd.errors import LatentdError, UserError

if TYPE_CHECKING:
    from latentd.offline.timbre.describe import Description

EPILOG = """Examples:

\b
  latentd timbre pad.wav                       one line per descriptor
  latentd timbre renders/*.wav --json          one JSON object per file, for other programs"""


@click.command(epilog=EPILOG)
@click.argument("files", metavar="WAV…", nargs=-1, required=True, type=click.Path(path_type=Path))
@click.option("--json", "as_json", is_flag=True, help="One JSON object per line and file; NaN and infinity are null.")
def command(files: tuple[Path, ...], as_json: bool) -> None:
    """Print hardness, depth, brightness, roughness, warmth, sharpness and boominess (about 0..100) of audio files.

    They are those of the AudioCommons timbral models 0.4. Also printed: loudness (EBU R 128, LUFS), peak, number of
    clipped samples, start and end of the sound, and onsets of notes. Files may have up to five channels and any rate
    from 8 kHz, but values at different rates are hard to compare, especially below 44.1 kHz.
    """
    need("Describing", "scipy", "soundfile", "pyloudnorm")
    from latentd.offline.progress import counted

    failed = 0
    with counted(len(files), "describing") as count:
        for file in files:
            try:
                facts = _facts(file)
            except LatentdError as error:
                failed += 1
                count.done(f"latentd: {error}", err=True)
                continue
            count.done(json.dumps(facts) if as_json else _text(facts))
    if failed:
        raise click.exceptions.Exit(UserError.exit_code)


def _facts(file: Path) -> dict[str, Any]:
    import soundfile

    from latentd.offline.timbre import describe

    try:
        opened = file.open("rb")
    except OSError as error:
        raise UserError(f"{file}: {error.strerror or error}", "Check its name and its permissions") from error
    with opened:
        try:
            samples, rate = soundfile.read(opened, always_2d=True)
        except (OSError, TypeError, soundfile.SoundFileError) as error:  # TypeError: a name that ends in .raw
            raise UserError(f"{file}: not an audio file that can be read", "Use WAV, FLAC or AIFF") from error
    try:
        found: Description = describe.describe(samples, rate)
    except describe.InvalidAudio as error:
        raise UserError(f"{file}: {error.message[0].lower()}{error.message[1:]}", error.hint) from error
    return {"file": str(file)} | {key: _plain(value) for key, value in found._asdict().items()}


def _plain(value: Any) -> Any:
    """A value for JSON, which has no NaN and no infinity."""
    return None if isinstance(value, float) and not math.isfinite(value) else value


def _text(facts: dict[str, Any]) -> str:
    lines = [str(facts["file"])]
    for key, value in facts.items():
        if key != "file":
            lines.append(f"  {key:<11} {_shown(value)}")
    return "\n".join(lines)


def _shown(value: Any) -> str:
    if isinstance(value, float):
        return f"{value:.2f}"
    if isinstance(value, tuple):
        return " ".join(f"{item:.3f}" for item in value)
    return {None: "-", True: "yes", False: "no"}.get(value, str(value))
