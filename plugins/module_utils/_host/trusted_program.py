# Copyright (c) 2026, dockernet.baseline contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Private to the collection: it can change at any time.

"""Whether a program is root's alone, so that root can run it."""

from __future__ import annotations

import os
import stat

_ROOT = 0
_BY_OTHERS = stat.S_IWGRP | stat.S_IWOTH
# As many as the kernel follows (path_resolution(7)).
_MOST_LINKS = 40


def doubt_about(path: str) -> str:
    """Return why somebody else than root could decide what runs when path is run; empty where nobody else can.

    Each folder on the way, each symbolic link and the program itself must belong to root, and only root may write
    there. In a folder with the sticky bit (as /nix/store is) others may write, and cannot touch what is root's.
    """
    if not os.path.isabs(path):
        return f"{path} is no absolute path"
    try:
        return _walk(path)
    except OSError as error:
        return f"{error.filename}: {error.strerror}"


def _walk(path: str) -> str:
    here, ahead, links = "/", _parts(path), 0
    doubt = _doubt(here, os.lstat(here))
    while ahead and not doubt:
        name = ahead.pop()
        if name == os.pardir:
            here = os.path.dirname(here)
            continue
        place = os.path.join(here, name)
        status = os.lstat(place)
        if stat.S_ISLNK(status.st_mode):
            links += 1
            target = os.readlink(place)
            here = "/" if os.path.isabs(target) else here
            ahead += _parts(target)
            doubt = f"{path} leads in circles" if links > _MOST_LINKS else _of_another(place, status)
            continue
        doubt, here = _doubt(place, status), place
    if not doubt and not stat.S_ISREG(os.lstat(here).st_mode):
        return f"{path} is no program"
    return doubt


def _parts(path: str) -> list[str]:
    """Components of a path, the first one last."""
    return [name for name in reversed(path.split("/")) if name not in ("", os.curdir)]


def _doubt(place: str, status: os.stat_result) -> str:
    kept = stat.S_ISDIR(status.st_mode) and status.st_mode & stat.S_ISVTX
    if status.st_mode & _BY_OTHERS and not kept:
        return f"others than root may write to {place} (mode {stat.S_IMODE(status.st_mode):04o})"
    return _of_another(place, status)


def _of_another(place: str, status: os.stat_result) -> str:
    return f"{place} belongs to user {status.st_uid}" if status.st_uid != _ROOT else ""
