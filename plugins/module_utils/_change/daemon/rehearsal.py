# Copyright (c) 2026, dockernet.baseline contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""dockerd's own rehearsal of a configuration, by a program that is root's alone."""

from __future__ import annotations

import os
import stat

from ansible_collections.dockernet.baseline.plugins.module_utils._change.daemon.daemon_file import without_key
from ansible_collections.dockernet.baseline.plugins.module_utils._change.plan import Refusal
from ansible_collections.dockernet.baseline.plugins.module_utils._host.child_process import (
    NOT_FOUND,
    NOT_RUN,
    TIMED_OUT,
    TOO_MUCH,
    run_command,
)
from ansible_collections.dockernet.baseline.plugins.module_utils._model.daemon_json import parse
from ansible_collections.dockernet.baseline.plugins.module_utils._model.dockerd_start import is_blank
from ansible_collections.dockernet.baseline.plugins.module_utils._model.engine_releases import (
    REHEARSES_CONFIGURATION,
    reaches,
)

_REMAP = "userns-remap"
_ROOT = 0
_BY_OTHERS = stat.S_IWGRP | stat.S_IWOTH
# As many as the kernel follows (path_resolution(7)).
_MOST_LINKS = 40


def is_rehearsed(text: str, release: tuple[int, int]) -> bool:
    """Whether an engine of that release can be asked about text at all."""
    return reaches(release, REHEARSES_CONFIGURATION) and not is_blank(text)


def obstacle_to_rehearsal(unit: list[str]) -> str:
    """Return why dockerd is not asked, where unit is the command line of its service; empty where it can be.

    The rehearsal runs as root: what it runs must be dockerd by its unit's word, and no one's but root's. What a process
    says of itself is no word to run a program by, and a wrapper must not be run at all.
    """
    if not unit:
        return "no service shows which program dockerd is"
    if os.path.basename(unit[0]) != "dockerd":
        return f"its service starts {unit[0]}"
    if unit[0].startswith("/snap/"):
        return "a snap's dockerd runs only in its confinement"
    return doubt_about(unit[0])


def rehearse(argv: list[str], text: str) -> None:
    """Have dockerd judge text, with the program and flags of argv, its unit's command line. Nothing is written for it.

    Raises Refusal with dockerd's own words.
    """
    command = [argv[0], "--validate", "--config-file", "/dev/stdin", *without_config_file(argv[1:])]
    status, dummy, words = run_command(command, _without_side_effects(text).encode())
    if status in (NOT_FOUND, NOT_RUN, TOO_MUCH, TIMED_OUT):
        raise Refusal(f"nothing was changed: dockerd --validate could not be run: {words}")
    if status != 0:
        words = words.strip() or f"exit status {status}"
        raise Refusal(f"nothing was changed: dockerd --validate rejects the new configuration: {words}")


def _without_side_effects(text: str) -> str:
    """Return text without what makes the rehearsal itself change the host.

    For ``userns-remap: default``, dockerd --validate already makes the user dockremap and its ranges (moby cmd/dockerd
    daemon_linux.go, loadCLIPlatformConfig; seen on 26.1.5 and 28.5.2).
    """
    remapped = parse(text.encode(), "").values.get(_REMAP) == "default"
    return without_key(text, _REMAP) if remapped else text


def without_config_file(words: list[str]) -> list[str]:
    """Return the words of a command line without --config-file and its value."""
    kept: list[str] = []
    rest = iter(words)
    for word in rest:
        if word in ("--config-file", "-config-file"):
            next(rest, None)
        elif not word.startswith("--config-file="):
            kept.append(word)
    return kept


def doubt_about(path: str) -> str:
    """Return why somebody else than root could decide what runs when path is run; empty where nobody else can.

    Each folder on the way, each symbolic link and the program itself must belong to root, and only root may write
    there. In a folder with the sticky bit (as /nix/store is) others may write, and cannot touch what is root's.
    """
    if not os.path.isabs(path):
        return f"{path} is not an absolute path"
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
            doubt = f"{path} is a loop of symbolic links" if links > _MOST_LINKS else _of_another(place, status)
            continue
        doubt, here = _doubt(place, status), place
    if not doubt and not stat.S_ISREG(os.lstat(here).st_mode):
        return f"{path} is not a program"
    return doubt


def _parts(path: str) -> list[str]:
    """Components of a path, the first one last."""
    return [name for name in reversed(path.split("/")) if name not in ("", os.curdir)]


def _doubt(place: str, status: os.stat_result) -> str:
    kept = stat.S_ISDIR(status.st_mode) and status.st_mode & stat.S_ISVTX
    if status.st_mode & _BY_OTHERS and not kept:
        return f"users other than root can write to {place} (mode {stat.S_IMODE(status.st_mode):04o})"
    return _of_another(place, status)


def _of_another(place: str, status: os.stat_result) -> str:
    return f"{place} belongs to user {status.st_uid}" if status.st_uid != _ROOT else ""
