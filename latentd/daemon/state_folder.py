"""What daemons leave in the state folder, and how much of it is kept. Nothing here runs on the engine's thread."""

from __future__ import annotations

import contextlib
import logging
import re
from pathlib import Path

from latentd.system import files, port_owner

log = logging.getLogger(__name__)

BANKS = "banks"
# Each port that a daemon ever listened on has files: what played there, and the synth that announced itself.
MAX_REMEMBERED = 64
_OF_PORT = re.compile(r"(?:session|amsynth)-(\d+)\.json(?:\.old|\.damaged)?")


def sweep(folder: Path, port: int) -> None:
    """Remove what daemons that were killed amid a write have left, and the files of ports that nobody has used lately.

    Args:
        folder: the state folder.
        port: the one that this daemon listens on; its files stay, and those of other running daemons.
    """
    for place in (folder, folder / BANKS):
        files.sweep(place)
    found: dict[int, list[Path]] = {}
    for path in folder.glob("*-*.json*"):
        if matched := _OF_PORT.fullmatch(path.name):
            found.setdefault(int(matched[1]), []).append(path)
    if len(found) <= MAX_REMEMBERED:
        return
    in_use = port_owner.udp_ports() | {port}
    newest = sorted(found, key=lambda number: max(map(_changed_s, found[number])), reverse=True)
    for number in newest[MAX_REMEMBERED:]:
        if number not in in_use:
            for path in found[number]:
                with contextlib.suppress(OSError):
                    path.unlink()
            log.info("forgot what played on port %d: %d other ports were used since", number, MAX_REMEMBERED)


def _changed_s(path: Path) -> float:
    try:
        return path.stat().st_mtime
    except OSError:
        return 0.0
