# Copyright (c) 2026, dockernet.baseline contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""The frame of every module that changes something: read, plan, then, outside of check mode, do it under the lock.

One change of a host at a time, and none that lacks a library for what it plans.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import sys
import time
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any, Protocol, TypeVar

from ansible_collections.dockernet.baseline.plugins.module_utils._change.plan import ChangeFailed, Outline, Refusal
from ansible_collections.dockernet.baseline.plugins.module_utils._model.codec import to_plain
from ansible_collections.dockernet.baseline.plugins.module_utils._model.unread import LIBRARY, UnreadableError

if TYPE_CHECKING:
    # Changes find what they lack here, and can be carried out without Ansible.
    from ansible_collections.dockernet.baseline.plugins.module_utils._host.host_module import HostModule

LOCK_PATH = "/run/dockernet-baseline.lock"
WAIT_SECONDS = 60.0
_PAUSE_SECONDS = 0.2
PYROUTE2 = "pyroute2"


@contextlib.contextmanager
def exclusive(path: str = LOCK_PATH, wait: float = WAIT_SECONDS) -> Iterator[None]:
    """Hold the lock of all changes while the body runs; wait so many seconds for another holder to finish.

    The kernel lets go of the lock when the holder dies (flock(2)), so a killed run blocks no one. Raises Refusal when
    another run still holds it after that time.
    """
    try:
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
    except OSError as error:
        raise Refusal(f"nothing was changed: the lock against other runs could not be taken: {error}") from error
    try:
        _acquire(descriptor, path, time.monotonic() + wait)
        with contextlib.suppress(OSError):
            # For the message of a run that waits in vain; where there is no space left, the lock holds all the same.
            os.ftruncate(descriptor, 0)
            os.pwrite(descriptor, f"{os.getpid()}\n".encode(), 0)
        yield
    finally:
        os.close(descriptor)


def _acquire(descriptor: int, path: str, deadline: float) -> None:
    while True:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return
        except BlockingIOError:
            if time.monotonic() >= deadline:
                holder = os.pread(descriptor, 20, 0).decode(errors="replace").strip() or "unknown"
                raise Refusal(
                    f"nothing was changed: another run is changing this host (process {holder} holds {path}). Run "
                    "again when it has finished"
                ) from None
            time.sleep(_PAUSE_SECONDS)


def lacking(changes: Sequence[object]) -> dict[str, str]:
    """Return the libraries that these changes of links take and that cannot be loaded, each with a sentence on it."""
    if not changes:
        return {}
    try:
        # Loaded for real: a library that is there and does not load is of no use.
        import pyroute2  # noqa: F401
    except ImportError as error:
        return {PYROUTE2: missing_library(PYROUTE2, "python3-pyroute2", sys.executable, error).reason}
    return {}


class ChangePlan(Protocol):
    """Whatever a change plans, it has an outline."""

    @property
    def outline(self) -> Outline:
        """What people and programs see of it."""


P = TypeVar("P", bound=ChangePlan)


class Change(Protocol[P]):
    """One thing to change."""

    def plan(self) -> P:
        """Read the host and plan, opening nothing for writing. Raises Refusal."""

    def apply(self, plan: P) -> None:
        """Do it, prove it, and undo it on failure. Raises ChangeFailed."""


def run_change(module: HostModule, change: Change[P]) -> None:
    """Run change in the module's mode and leave with its result."""
    outline = carry_out(module, change)
    module.exit_json(**result_of(outline))


def carry_out(module: HostModule, change: Change[P]) -> Outline:
    """Run change in the module's mode, and warn of what it says; a refusal or a failure ends the module."""
    if os.geteuid() != 0:
        module.fail_json(msg="this requires root: run with become: true", refused=True)
    try:
        outline = change.plan().outline
        if outline.actions and not module.check_mode:
            _refuse_without_libraries(outline)
            outline = _apply(change)
    except Refusal as refusal:
        module.fail_json(
            msg=str(refusal),
            refused=True,
            actions=[],
            disruptions=to_plain(refusal.disruptions),
            libraries=refusal.libraries,
            consents=refusal.consents,
        )
    except ChangeFailed as failure:
        further = {key: to_plain(value) for key, value in failure.results.items()}
        module.fail_json(msg=str(failure), refused=False, log=failure.log, **further)
    for warning in [*outline.warnings, *outline.lacking.values()]:
        module.warn(warning)
    return outline


def _apply(change: Change[P]) -> Outline:
    with exclusive():
        # Another program may have changed the host while this run waited for the lock.
        plan = change.plan()
        _refuse_without_libraries(plan.outline)
        if plan.outline.actions:
            change.apply(plan)
        return plan.outline


def _refuse_without_libraries(outline: Outline) -> None:
    if outline.lacking:
        raise Refusal(f"nothing was changed: {'; '.join(outline.lacking.values())}", libraries=outline.lacking)


def result_of(outline: Outline) -> dict[str, Any]:
    """The keys that every module which changes something returns."""
    return {
        "changed": bool(outline.actions),
        "actions": outline.actions,
        "diff": [diff.to_plain() for diff in outline.diffs],
        "disruptions": to_plain(outline.disruptions),
        "libraries": sorted(outline.lacking),
        **{key: to_plain(items) for key, items in outline.results.items()},
    }


def missing_library(name: str, package: str, interpreter: str, error: ImportError) -> UnreadableError:
    """Return the UnreadableError that says which package brings the Python library name."""
    problem = "is not installed" if error.name == name else f"cannot be loaded ({error})"
    remedy = f"install {package} (Debian, Ubuntu, Fedora) or, with pip, {name}"
    return UnreadableError(LIBRARY, f"the Python library {name} {problem} for {interpreter}; {remedy}")
