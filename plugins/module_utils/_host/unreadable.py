# Copyright (c) 2026, dockernet.baseline contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Why a source could not be read, as an exception that read.py turns into a Source."""

from __future__ import annotations

ABSENT = "absent"
STOPPED = "stopped"
DENIED = "denied"
LIBRARY = "library"
ERROR = "error"
DEADLINE = "deadline"
KINDS = (ABSENT, STOPPED, DENIED, LIBRARY, ERROR, DEADLINE)

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
