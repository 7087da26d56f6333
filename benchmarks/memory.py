"""The memory of a run and of all that it starts, while it runs."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from types import TracebackType

EVERY = 2.0
"""Seconds between two samples; one takes about a millisecond for each process."""


class MemoryWatch:
    """Samples, in MB: of the process, and of it and its descendants together, which count shared pages once."""

    def __init__(self, pid: int) -> None:
        self._pid = pid
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._sample, name="memory")
        self.own: list[float] = []
        self.together: list[float] = []

    def __enter__(self) -> MemoryWatch:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._ended.set()
        self._thread.join()

    def _sample(self) -> None:
        while not self._ended.wait(EVERY):
            found = {pid: proportional(pid) for pid in descendants(self._pid)}
            self.own.append(resident(self._pid))
            self.together.append(sum(found.values()))

    def __str__(self) -> str:
        if not self.own:
            return "too short to sample"
        places = [len(self.own) * part // 10 for part in (1, 5, 9)]
        own = ", ".join(f"{self.own[place]:.0f}" for place in places)
        return (
            f"main process {own} MB after 10, 50 and 90 % of the time; all together at most {max(self.together):.0f} MB"
        )


def descendants(pid: int) -> Iterator[int]:
    """The process and all that it started, directly and not."""
    yield pid
    for path in Path(f"/proc/{pid}/task").glob("*/children"):
        # What has ended meanwhile has none.
        with suppress(OSError):
            for child in path.read_text().split():
                yield from descendants(int(child))


def proportional(pid: int) -> float:
    """MB of the process, each page divided by how many processes have it."""
    return field(Path(f"/proc/{pid}/smaps_rollup"), "Pss:")


def resident(pid: int) -> float:
    """MB of the process, shared pages included."""
    return field(Path(f"/proc/{pid}/status"), "VmRSS:")


def field(path: Path, name: str) -> float:
    """A line of such a file, from KB to MB; 0 for a process that has ended."""
    with suppress(OSError):
        for line in path.read_text().splitlines():
            if line.startswith(name):
                return int(line.split()[1]) / 1024
    return 0.0
