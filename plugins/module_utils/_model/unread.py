# Copyright (c) 2026, dockernet.baseline contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""What of a host is not read, and why: a source that cannot be, what one lacks, and errors of this collection."""

from __future__ import annotations

from dataclasses import dataclass
from types import FrameType
from typing import Optional

from ansible_collections.dockernet.baseline.plugins.module_utils._model.secrets import mask_text
from ansible_collections.dockernet.baseline.plugins.module_utils._model.text import safe

ABSENT = "absent"
DESKTOP = "desktop"
STOPPED = "stopped"
DENIED = "denied"
LIBRARY = "library"
ERROR = "error"
DEADLINE = "deadline"
KINDS = (ABSENT, "podman", DESKTOP, STOPPED, DENIED, LIBRARY, ERROR, DEADLINE)

# Characters. People read it, once for each check that needs the source.
_LONGEST = 1000


class UnreadableError(Exception):
    """A source that cannot be read: kind for programs (see snapshot.Source), reason for people."""

    def __init__(self, kind: str, reason: str) -> None:
        """Keep kind and reason; of one in which a program or a stranger says very much, the beginning."""
        self.kind = kind
        self.reason = reason if len(reason) <= _LONGEST else f"{reason[:_LONGEST]}..."
        super().__init__(self.reason)


def from_os_error(error: OSError, what: str) -> UnreadableError:
    """Return the UnreadableError that tells of an OSError while reading what."""
    if isinstance(error, PermissionError):
        return UnreadableError(DENIED, f"{what}: permission denied; run with become (as root)")
    return UnreadableError(ERROR, f"{what}: {error.strerror or error}")


DEFECT = "defect"
"""What Source.kind is then."""
CONTAINER = "container"
NETWORK = "network"
"""Of what kind a gap is."""

_OURS = "ansible_collections/dockernet/baseline/plugins/"
_LONGEST_WORDS = 160


@dataclass(frozen=True)
class Defect:
    """An exception that nobody foresaw."""

    part: str
    """What it kept from being done, ``source links`` or ``check bridge.mtu`` say."""
    place: str
    """File and line of this collection, ``module_utils/_host/links.py:134`` say."""
    error: str
    """The exception with its words, on one line and not in full length."""

    def __str__(self) -> str:
        return f"a defect of dockernet.baseline, which should be reported: {self.error} at {self.place}"


@dataclass(frozen=True)
class Gap:
    """A container or network that could not be read, while the rest of a source was."""

    source: str
    kind: str
    """``container`` or ``network``."""
    name: str
    reason: str
    """A sentence."""


def defect_of(part: str, error: Exception) -> Defect:
    """Return the defect that an unexpected exception shows; its words, which strangers may have chosen, made safe."""
    return Defect(part, _place_of(error), shortened(f"{type(error).__name__}: {error}"))


def shortened(text: str) -> str:
    """Return words of strangers, or of exceptions that repeat them: on one line, without secrets, not too long."""
    # Cut before as well: what is masked and escaped can be very long.
    words = safe(mask_text(text[: 4 * _LONGEST_WORDS]))
    return f"{words[:_LONGEST_WORDS]}..." if len(words) > _LONGEST_WORDS else words


def _place_of(error: Exception) -> str:
    """The innermost line of this collection."""
    place = "an unknown place"
    step = error.__traceback__
    while step is not None:
        place = _place(step.tb_frame, step.tb_lineno) or place
        step = step.tb_next
    return place


def place_in(frame: FrameType) -> str:
    """Return the innermost line of this collection in what a thread is doing, empty where there is none."""
    within: Optional[FrameType] = frame
    while within is not None:
        place = _place(within, within.f_lineno)
        if place:
            return place
        within = within.f_back
    return ""


def _place(frame: FrameType, line: int) -> str:
    dummy, ours, path = frame.f_code.co_filename.rpartition(_OURS)
    return f"{path}:{line}" if ours else ""
