"""Runs one module on a lab host as Ansible does, and kills it where it is told to. Python 3.9, standard library.

Reads a job from standard input, as JSON:

    root       where install() put the collection and Ansible's module_utils
    module     its short name
    arguments  its arguments
    limits     values of constants: {"_change.daemon.daemon_restart.START_SECONDS": 5.0}
    kill       null; {"seconds": 0.8}, counted from the start of the module; or
               {"point": "atomic_file._replace:83", "time": 2}: before that line is executed for the second time
    points     whether to say which lines of the code were executed, and how often

and writes what became of it, see the class Outcome of runs.py. The module runs in a process of its own, which gets
SIGKILL as a whole; what it has started (systemctl) lives on, as it would on a real host.
"""

from __future__ import annotations

import ctypes
import importlib
import importlib.util
import json
import mmap
import os
import select
import signal
import sys
import time
import traceback
from types import FrameType, ModuleType
from typing import Any, Callable, Optional

COLLECTION = "ansible_collections.dockernet.baseline.plugins"
WATCHED = f"/{COLLECTION.replace('.', '/')}/module_utils/_change/"
LIMIT = 900.0
PR_SET_CHILD_SUBREAPER = 36


class Watch:
    """Knows the line of the watched code that is executed now, also for the process that kills."""

    def __init__(self, kill: dict[str, Any]) -> None:
        self._shared = mmap.mmap(-1, 200)
        self._point = kill.get("point", "")
        self._times = kill.get("time", 1)
        self.counts: dict[str, int] = {}

    @property
    def last(self) -> str:
        return self._shared[:].rstrip(b"\0").decode()

    def call(self, frame: FrameType, event: str, argument: Any) -> Optional[Callable[..., Any]]:
        return self.line if WATCHED in frame.f_code.co_filename else None

    def line(self, frame: FrameType, event: str, argument: Any) -> Optional[Callable[..., Any]]:
        if event == "line":
            self._reached(frame)
        return self.line

    def _reached(self, frame: FrameType) -> None:
        name = os.path.basename(frame.f_code.co_filename)[:-3]
        point = f"{name}.{frame.f_code.co_name}:{frame.f_lineno}"
        self._shared[:] = point.encode()[:200].ljust(200, b"\0")
        self.counts[point] = self.counts.get(point, 0) + 1
        if point == self._point and self.counts[point] == self._times:
            os.kill(os.getpid(), signal.SIGKILL)


def main() -> None:
    job = json.load(sys.stdin)
    sys.path.insert(0, job["root"])
    module = prepared(job)
    kill = job.get("kill") or {}
    watch = Watch(kill)
    # What a killed module had started (systemctl) becomes a child of this process.
    ctypes.CDLL(None).prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(reading)
        in_child(module, watch, writing)
    os.close(writing)
    began = time.monotonic()
    limit = kill.get("seconds", LIMIT)
    said, complete = read_all(reading, began + limit)
    if not complete:
        os.kill(child, signal.SIGKILL)
        # It may have ended at that very moment, and what it said counts then.
        said += read_all(reading, time.monotonic() + LIMIT)[0]
    seconds = time.monotonic() - began
    status = ended(child)
    killed = os.WIFSIGNALED(status) and os.WTERMSIG(status) == signal.SIGKILL
    outcome: dict[str, Any] = {"killed": killed, "point": watch.last, "seconds": seconds, "result": None, "points": {}}
    if not killed:
        result, points = said.decode().rstrip().rsplit("\n", 1)
        outcome["result"] = json.loads(result)
        outcome["points"] = json.loads(points) if job.get("points") else {}
    elif limit == LIMIT and "point" not in kill:
        outcome["result"] = {"failed": True, "msg": f"no end within {LIMIT:.0f} s, at {watch.last}"}
    json.dump(outcome, sys.stdout)


def ended(child: int) -> int:
    """The status of the module's process, when all that it started has ended as well."""
    status = 0
    while True:
        try:
            pid, one = os.waitpid(-1, 0)
        except ChildProcessError:
            return status
        status = one if pid == child else status


def prepared(job: dict[str, Any]) -> ModuleType:
    """The module, imported and with its arguments, before the clock runs."""
    from ansible.module_utils import basic

    basic._ANSIBLE_ARGS = json.dumps({"ANSIBLE_MODULE_ARGS": job["arguments"]}).encode()
    basic._ANSIBLE_PROFILE = "legacy"
    for name, value in (job.get("limits") or {}).items():
        place, dummy, constant = name.rpartition(".")
        owner = importlib.import_module(f"{COLLECTION}.module_utils.{place}")
        if not hasattr(owner, constant):
            raise AttributeError(name)
        setattr(owner, constant, value)
    path = f"{job['root']}/{COLLECTION.replace('.', '/')}/modules/{job['module']}.py"
    spec = importlib.util.spec_from_file_location(job["module"], path)
    if spec is None or spec.loader is None:
        raise ImportError(path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def in_child(module: ModuleType, watch: Watch, writing: int) -> None:
    """Run the module with its output going to the pipe, followed by a line with the points."""
    os.dup2(writing, 1)
    sys.settrace(watch.call)
    try:
        module.main()
    except SystemExit:
        pass
    except BaseException:  # noqa: BLE001  # whatever it is, the test is told
        sys.stdout.flush()
        os.write(1, json.dumps({"failed": True, "traceback": traceback.format_exc()}).encode() + b"\n")
    sys.settrace(None)
    sys.stdout.flush()
    os.write(1, json.dumps(watch.counts).encode() + b"\n")
    os._exit(0)


def read_all(descriptor: int, deadline: float) -> tuple[bytes, bool]:
    """What comes until the deadline, and whether the other end was closed before it."""
    data = b""
    while True:
        ready = select.select([descriptor], [], [], max(0.0, deadline - time.monotonic()))[0]
        if not ready:
            return data, False
        more = os.read(descriptor, 65536)
        if not more:
            return data, True
        data += more


if __name__ == "__main__":
    main()
