"""Code that a child process runs first, to meet a full disk or a locked folder; it works for root, too."""

from __future__ import annotations

# Files beyond the limit fail as on a full disk, with EFBIG in place of ENOSPC.
FULL_DISK = "import resource; resource.setrlimit(resource.RLIMIT_FSIZE, ({limit}, -1))"

# Root without the capabilities that override the permissions of files (CAP_DAC_OVERRIDE, CAP_DAC_READ_SEARCH).
NO_PRIVILEGES = """
import ctypes
libc, header, data = ctypes.CDLL(None), (ctypes.c_uint32 * 2)(0x20080522, 0), (ctypes.c_uint32 * 6)()
assert libc.capget(header, data) == 0
data[0] &= ~0b110
assert libc.capset(header, data) == 0
"""


def full_disk(limit: int) -> str:
    """Let no file grow beyond `limit` bytes."""
    return FULL_DISK.format(limit=limit)
