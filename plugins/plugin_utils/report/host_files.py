# Copyright (c) 2026, dockernet.baseline contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Private to the collection: it can change at any time.

"""Files on the controller, each of one host of the inventory."""

from __future__ import annotations

import hashlib
import os
import re
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

_FOREIGN = re.compile(r"[^A-Za-z0-9._-]")
_LONGEST = 120


def file_stem(host: str) -> str:
    """Return what the files of a host are called: its name, as far as a file system takes it.

    Names that differ give stems that differ, on file systems that ignore case as well.
    """
    plain = _FOREIGN.sub("_", host)[:_LONGEST]
    if plain == host == host.lower() and not plain.startswith("."):
        return plain
    return f"{plain.lstrip('.')}-{hashlib.sha256(host.encode('utf-8', 'backslashreplace')).hexdigest()[:8]}"


def folder_of(output_dir: str) -> Path:
    """Return the directory that an option names; a relative one is meant from where the command was typed."""
    return Path(os.path.expanduser(output_dir)).absolute()


def file_of(host: str, folder: Path, kind: str) -> Path:
    """Return the file of that kind, such as ``json``, of a host; its name ends in it."""
    return folder / f"{file_stem(host)}.{kind}"


def problem_in_words(error: OSError) -> str:
    """Return what is wrong with a file or directory, with its path."""
    reason = str(error.strerror or error)
    if isinstance(error, FileExistsError):
        reason = "it is no directory"
    elif isinstance(error, NotADirectoryError):
        reason = "a part of this path is no directory"
    return f"{error.filename}: {reason}" if error.filename else reason


def write_whole(path: Path, text: str) -> None:
    """Write a file that only its owner can read, whole or not at all; make its directory where there is none.

    Findings name what runs on a host, so they are not for everybody. Raises OSError.
    """
    with whole_file(path) as write:
        write(text)


@contextmanager
def whole_file(path: Path) -> Iterator[Callable[[str], object]]:
    """Give the body what writes pieces of such a file, which takes its place at the end of the body. Raises OSError."""
    path.parent.mkdir(parents=True, exist_ok=True)
    try:
        handle, scratch = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    except OSError as error:
        # By the name that is known, and not by that of the temporary file.
        raise OSError(error.errno, error.strerror, str(path)) from None
    try:
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            yield file.write
        Path(scratch).replace(path)
    except BaseException:
        Path(scratch).unlink(missing_ok=True)
        raise
