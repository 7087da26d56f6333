"""A file system whose files are there and never answer who reads them: as one of an NFS server that is gone.

Whoever reads such a file hangs in the kernel, where no signal reaches: a question that the file system has taken is
waited for until it is answered (fs/fuse/dev.c, request_wait_answer()). Speaks FUSE itself (linux/fuse.h), so that it
takes nothing but /dev/fuse and root.

    python stuck_files.py FOLDER     # mounts there and serves until it is ended; then unmount FOLDER lazily
"""

from __future__ import annotations

import ctypes
import os
import stat
import struct
import sys

_LOOKUP, _GETATTR, _OPEN, _READ, _INIT, _OPENDIR, _ACCESS = 1, 3, 14, 15, 26, 27, 34
_FORGETS = (2, 42)
_ENOSYS = 38

_IN = struct.Struct("=IIQQIIII")
_OUT = struct.Struct("=IiQ")
_ROOT = 1
_FILE = 2


def _attributes(node: int) -> bytes:
    mode = stat.S_IFDIR | 0o755 if node == _ROOT else stat.S_IFREG | 0o644
    # Inode, size, blocks, three times, their nanoseconds, mode, links, user, group, device, block size, flags.
    return struct.pack("=QQQQQQIIIIIIIIII", node, 100, 1, 0, 0, 0, 0, 0, 0, mode, 1, 0, 0, 0, 4096, 0)


def _answer(kind: int, node: int) -> bytes | None:
    """What is said to a question; None where nothing ever is."""
    if kind == _INIT:
        return struct.pack("=IIIIHHIIHHII", 7, 31, 0, 0, 12, 12, 4096, 1, 1, 0, 0, 0) + bytes(24)
    if kind == _LOOKUP:
        return struct.pack("=QQQQII", _FILE, 0, 3600, 3600, 0, 0) + _attributes(_FILE)
    if kind == _GETATTR:
        return struct.pack("=QII", 3600, 0, 0) + _attributes(node)
    if kind in (_OPEN, _OPENDIR):
        return struct.pack("=QII", 0, 0, 0)
    return None


def serve(folder: str) -> None:
    """Mount at folder, say so on standard output, and serve for ever."""
    device = os.open("/dev/fuse", os.O_RDWR)
    options = f"fd={device},rootmode=40000,user_id=0,group_id=0,allow_other".encode()
    if ctypes.CDLL(None, use_errno=True).mount(b"stuck", folder.encode(), b"fuse", 0, options) != 0:
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()), folder)
    print("mounted", flush=True)
    while True:
        question = os.read(device, 1 << 18)
        dummy, kind, unique, node, *dummy2 = _IN.unpack_from(question)
        if kind == _READ or kind in _FORGETS:
            continue
        answer = _answer(kind, node)
        error = -_ENOSYS if answer is None else 0
        body = answer or b""
        os.write(device, _OUT.pack(_OUT.size + len(body), error, unique) + body)


if __name__ == "__main__":
    serve(sys.argv[1])
