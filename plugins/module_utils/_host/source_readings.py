# Copyright (c) 2026, dockernet.baseline contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Reads sources one after another, each in a thread of its own, and notes which were read, and why others were not.

One that takes its time goes on while others are read, and one that is not done when the time is over is left where it
is.
"""

from __future__ import annotations

import sys
import threading
import time
from dataclasses import dataclass, field, replace
from typing import Any, Callable, Generic, Optional, TypeVar

from ansible_collections.dockernet.baseline.plugins.module_utils._host.plausibility import (
    ImplausibleError,
    require_plausible_fields,
)
from ansible_collections.dockernet.baseline.plugins.module_utils._host.unreadable import (
    DEADLINE,
    ERROR,
    UnreadableError,
    from_os_error,
)
from ansible_collections.dockernet.baseline.plugins.module_utils._model import snapshot as model
from ansible_collections.dockernet.baseline.plugins.module_utils._model.defect import (
    DEFECT,
    defect_of,
    place_in,
)

T = TypeVar("T")

Fields = dict[str, Any]
"""Values by the name of a snapshot's field."""

# Seconds for which nothing else is begun: most sources take milliseconds, and the kernel's are best read at once.
_PATIENCE = 2.0


@dataclass(frozen=True)
class Part:
    """What one source gives to the snapshot."""

    name: str
    """Of the source; empty for what is none of its own."""
    source: model.Source
    fields: Fields = field(default_factory=dict)
    """Of ``gaps`` and ``defects`` those that come with it."""


class Reading(Generic[T]):
    """A source that is read, or was."""

    def __init__(self, name: str, wait: Callable[[threading.Event], bool]) -> None:
        self.name = name
        self.done = threading.Event()
        self.source: Optional[model.Source] = None
        self._wait = wait
        self._found: list[T] = []

    def end(self, source: model.Source, found: list[T]) -> None:
        """Note what came of it: at most one value."""
        self.source, self._found = source, found
        self.done.set()

    def get(self, otherwise: T) -> T:
        """Return what was read, or otherwise where it could not be, once that is known."""
        return self._found[0] if self._wait(self.done) and self._found else otherwise

    def need(self) -> T:
        """Return what was read, once it was. Raises UnreadableError where it could not be."""
        if not self._wait(self.done):
            raise UnreadableError(DEADLINE, f"not read: no time was left after {_doing(self.name, '')}")
        if not self._found:
            source = self.source or model.Source(False)
            raise UnreadableError(source.kind, source.reason)
        return self._found[0]


class SourceReadings:
    """Begins readings and collects what comes of them until the time is over."""

    def __init__(self, until: float, seconds: float, hand_over: Callable[[Part], None]) -> None:
        """Take the end, by time.monotonic(), of how many seconds, and what takes each part as it comes."""
        self.parts: list[Part] = []
        self._until = until
        self._seconds = seconds
        self._hand_over = hand_over
        self._open: dict[threading.Thread, Reading[Any]] = {}
        self._closed = False
        self._one_at_a_time = threading.Lock()

    def take(self, name: str, read: Callable[[], T], fields: Callable[[T], Fields]) -> Reading[T]:
        """Begin to read a source, and wait for it a while. fields says what its value is for the snapshot."""
        reading = self.begin(name, read, fields)
        reading.done.wait(min(_PATIENCE, self._seconds / 20, max(0.0, self._until - time.monotonic())))
        return reading

    def begin(self, name: str, read: Callable[[], T], fields: Callable[[T], Fields]) -> Reading[T]:
        """Begin to read a source, and do not wait for it."""
        reading: Reading[T] = Reading(name, self._in_time)
        thread = threading.Thread(target=self._read, args=(reading, read, fields), daemon=True)
        self._open[thread] = reading
        thread.start()
        return reading

    def close(self) -> None:
        """Wait for what is still being read until the time is over, and take down what is not done by then."""
        for reading in self._open.values():
            self._in_time(reading.done)
        with self._one_at_a_time:
            self._closed = True
            late = [(thread, reading) for thread, reading in self._open.items() if not reading.done.is_set()]
            frames = sys._current_frames()  # noqa: SLF001 (documented for this)
            for thread, reading in late:
                frame = frames.get(thread.ident or 0)
                place = place_in(frame) if frame is not None else ""
                reason = (
                    f"not read: the deadline of {self._seconds:g} seconds passed while {_doing(reading.name, place)}"
                )
                self._note(Part(reading.name, model.Source(False, DEADLINE, reason, self._seconds)))

    def _in_time(self, done: threading.Event) -> bool:
        return done.wait(max(0.0, self._until - time.monotonic()))

    def _read(self, reading: Reading[T], read: Callable[[], T], fields: Callable[[T], Fields]) -> None:
        began = time.monotonic()
        found: list[T] = []
        given: Fields = {}
        try:
            value = read()
            told = fields(value)
            require_plausible_fields(told)
            given, found = told, [value]
            source = model.Source(True)
        except ImplausibleError as error:
            source = model.Source(False, ERROR, f"what was read cannot be so: {error}")
        except UnreadableError as error:
            source = model.Source(False, error.kind, error.reason)
        except OSError as error:
            problem = from_os_error(error, str(error.filename or reading.name))
            source = model.Source(False, problem.kind, problem.reason)
        except Exception as error:  # noqa: BLE001 (what nobody foresaw has no type; the other sources are read all the same)
            defect = defect_of(f"source {reading.name}" if reading.name else "looking for dockerd", error)
            source, given = model.Source(False, DEFECT, str(defect)), {"defects": [defect]}
        seconds = round(time.monotonic() - began, 6)
        with self._one_at_a_time:
            if not self._closed:
                self._note(Part(reading.name, replace(source, seconds=seconds), given))
                reading.end(source, found)

    def _note(self, part: Part) -> None:
        self.parts.append(part)
        self._hand_over(part)


def _doing(name: str, place: str) -> str:
    what = f"the source {name} was read" if name else "dockerd was looked for"
    return f"{what} ({place})" if place else what


def merged(parts: list[Part]) -> Fields:
    """Return the fields of a snapshot out of all parts: a later one goes before an earlier one, lists of lacks grow."""
    found: Fields = {"gaps": [], "defects": []}
    for part in parts:
        for name, value in part.fields.items():
            found[name] = [*found[name], *value] if name in ("gaps", "defects") else value
    found["sources"] = {part.name: part.source for part in sorted(parts, key=lambda item: item.name) if part.name}
    return found
