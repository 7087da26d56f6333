# Copyright (c) 2026, dockernet.baseline contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Private to the collection: it can change at any time.

"""dockerd's own rehearsal of a configuration."""

from __future__ import annotations

import os

from ansible_collections.dockernet.baseline.plugins.module_utils._change.daemon.daemon_file import without_key
from ansible_collections.dockernet.baseline.plugins.module_utils._change.plan import Refusal
from ansible_collections.dockernet.baseline.plugins.module_utils._host.command import (
    NOT_FOUND,
    NOT_RUN,
    TIMED_OUT,
    TOO_MUCH,
    doubt_about,
    run_command,
)
from ansible_collections.dockernet.baseline.plugins.module_utils._model.daemon_json import is_blank, parse

# The first release with dockerd --validate.
FIRST_RELEASE = (23, 0)
_REMAP = "userns-remap"


def is_rehearsed(text: str, release: tuple[int, int]) -> bool:
    """Whether an engine of that release can be asked about text at all."""
    return release >= FIRST_RELEASE and not is_blank(text)


def obstacle_to_rehearsal(unit: list[str]) -> str:
    """Return why dockerd is not asked, where unit is the command line of its service; empty where it can be.

    The rehearsal runs as root: what it runs must be dockerd by its unit's word, and no one's but root's. What a process
    says of itself is no word to run a program by, and a wrapper must not be run at all.
    """
    if not unit:
        return "no service says which program dockerd is"
    if os.path.basename(unit[0]) != "dockerd":
        return f"its service starts {unit[0]}"
    if unit[0].startswith("/snap/"):
        return "a snap's dockerd runs in its confinement alone"
    return doubt_about(unit[0])


def rehearse(argv: list[str], text: str) -> None:
    """Have dockerd judge text, with the program and flags of argv, its unit's command line. Nothing is written for it.

    Raises Refusal with dockerd's own words.
    """
    command = [argv[0], "--validate", "--config-file", "/dev/stdin", *without_config_file(argv[1:])]
    status, dummy, words = run_command(command, _without_side_effects(text).encode())
    if status in (NOT_FOUND, NOT_RUN, TOO_MUCH, TIMED_OUT):
        raise Refusal(f"dockerd --validate could not be asked, so nothing was changed: {words}")
    if status != 0:
        words = words.strip() or f"exit status {status}"
        raise Refusal(f"dockerd --validate rejects the new configuration, so nothing was changed: {words}")


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
