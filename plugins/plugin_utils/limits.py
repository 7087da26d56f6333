# Copyright (c) 2026, dockernet.baseline contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Private to the collection: it can change at any time.

"""Judging what a host said, within limits of time and memory: a host may say what takes very long to judge."""

from __future__ import annotations

import base64
import binascii
import zlib
from collections.abc import Callable, Mapping
from typing import Any, TypeVar

from ansible.errors import AnsibleActionFail
from ansible_collections.dockernet.baseline.plugins.module_utils._host.child_process import run_in_child
from ansible_collections.dockernet.baseline.plugins.module_utils._host.plausibility import require_plausible
from ansible_collections.dockernet.baseline.plugins.module_utils._host.saved_snapshot import load_snapshot
from ansible_collections.dockernet.baseline.plugins.module_utils._model.codec import (
    DecodeError,
    decoder_of,
)
from ansible_collections.dockernet.baseline.plugins.module_utils._model.secrets import mask_data
from ansible_collections.dockernet.baseline.plugins.module_utils._model.snapshot import SOURCES, HostSnapshot, Source
from ansible_collections.dockernet.baseline.plugins.module_utils._model.text import encodable
from ansible_collections.dockernet.baseline.plugins.module_utils._model.unread import ERROR, Defect
from ansible_collections.dockernet.baseline.plugins.module_utils._model.wire import COMPRESSED, LARGEST, PLAIN, WIRE

T = TypeVar("T")

# Ansible makes a process for each host and task from the one that loads this file.
decoder_of(HostSnapshot)

MEMORY = 1 << 30
"""Bytes that judging one host may take, besides those of the process that it is part of."""


_WITHOUT_ANSWER = ("failed", "unreachable", "skipped")


def is_answer(result: Mapping[str, Any]) -> bool:
    """Whether a module on a host ended as it should, so that there is something to judge."""
    return not any(result.get(word) for word in _WITHOUT_ANSWER)


def seconds_of(options: Mapping[str, Any]) -> int:
    """The seconds that a task gives to judging. Raises AnsibleActionFail for less than one."""
    seconds: int = options["judge_timeout"]
    if seconds < 1:
        raise AnsibleActionFail(f"judge_timeout: expected at least one second, found {seconds}")
    return seconds


class NoAnswerError(ValueError):
    """What a host answered is none; the message says in what."""


class LimitError(Exception):
    """Judging took more than it may take, or could not be done; the message says which."""

    def __init__(self, reason: str, defects: list[Defect]) -> None:
        """Take the reason, as words that follow a colon, and the errors of this collection that caused it."""
        self.defects = defects
        super().__init__(reason)


def judge_within(
    seconds: float,
    packed: Any,
    read: Callable[[str], T],
    judge: Callable[[T], dict[str, Any]],
    hand_over: Callable[[dict[str, Any]], dict[str, Any]] = dict,
) -> dict[str, Any]:
    """Unpack what a host said, read and judge it, in a process of its own that has so many seconds and MEMORY.

    hand_over makes of the answer, in which secrets are masked by then, what comes back of that process.
    Raises NoAnswerError for what read does not take, which raises ValueError then, and LimitError.
    """

    def work(tell: Callable[[Any], None]) -> None:
        try:
            said = read(unpack(packed))
        except ValueError as error:
            tell(str(error))
            return
        # As it may be shown and written: fit to be JSON, and with secrets masked.
        tell(hand_over(encodable(mask_data(judge(said)))))

    told = run_in_child(work, seconds, MEMORY)
    if not told.items:
        raise LimitError(told.problem, told.defects)
    (answer,) = told.items
    if isinstance(answer, str):
        raise NoAnswerError(answer)
    found: dict[str, Any] = answer
    return found


def judge_snapshot(
    seconds: float, packed: Any, judge: Callable[[HostSnapshot], dict[str, Any]], module: str, failure: str
) -> dict[str, Any]:
    """Judge the snapshot that a module on a host returned, as judge_within() does.

    failure: what was not done where a limit ends it, as words before a colon. Raises AnsibleActionFail.
    """
    try:
        return judge_within(seconds, packed, read_snapshot_text, judge)
    except NoAnswerError as error:
        raise AnsibleActionFail(f"the host did not answer like {module}: {error}") from None
    except LimitError as error:
        raise AnsibleActionFail(f"{failure}: {error}") from None


def read_snapshot_text(text: str) -> HostSnapshot:
    """Return the snapshot in a JSON document. Raises ValueError, also where it says what cannot be so of a host."""
    snapshot = load_snapshot(text)
    require_plausible(snapshot)
    return snapshot


def unjudged(error: LimitError) -> HostSnapshot:
    """Return a snapshot of which nothing was read, for that reason: all that is said of it is unknown."""
    reason = f"the host's snapshot was not evaluated: {error}"
    sources = {name: Source(read=False, kind=ERROR, reason=reason) for name in SOURCES}
    return HostSnapshot(hostname="", taken_at="", sources=sources, defects=error.defects)


def unpack(packed: Any) -> str:
    """Return the text, whatever a host sent. Raises DecodeError, also for one that is too large."""
    if not isinstance(packed, str) or not packed.startswith((PLAIN, COMPRESSED)):
        raise DecodeError(f"{WIRE}: expected {PLAIN} or {COMPRESSED} and base64")
    form, letters = packed[: len(PLAIN)], packed[len(PLAIN) :]
    try:
        data = base64.b64decode(letters, validate=True)
        if form == COMPRESSED:
            inflate = zlib.decompressobj()
            data = inflate.decompress(data, LARGEST + 1)
            if len(data) <= LARGEST and not inflate.eof:
                raise DecodeError(f"{WIRE}: its end is missing")
        text = data[: LARGEST + 1].decode("ascii")
    except (binascii.Error, zlib.error, ValueError) as error:
        raise DecodeError(f"{WIRE}: {error}") from error
    if len(text) > LARGEST:
        raise DecodeError(f"{WIRE}: more than {LARGEST} bytes")
    return text
