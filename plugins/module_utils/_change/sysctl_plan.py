# Copyright (c) 2026, dockernet.baseline contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""What becomes of sysctls: of running ones, and of our file in /etc/sysctl.d with which boot sets them. Pure.

All modules that set sysctls at boot share that file; each knows its own keys.
"""

from __future__ import annotations

import posixpath
import re
from collections.abc import Callable
from dataclasses import dataclass

from ansible_collections.dockernet.baseline.plugins.module_utils._change.plan import ChangeFailed, Diff, Refusal
from ansible_collections.dockernet.baseline.plugins.module_utils._model.kernel import (
    BootSysctls,
    SysctlAssignment,
    SysctlFile,
    parse_sysctl_file,
)
from ansible_collections.dockernet.baseline.plugins.module_utils._model.snapshot import HostSnapshot
from ansible_collections.dockernet.baseline.plugins.module_utils._model.sysctls import boot_value

FOLDER = "/etc/sysctl.d"
# The first of these names that is read late enough to win is taken; the loaders sort by name (sysctl.d(5)).
OWN_NAMES = ["99-dockernet-baseline.conf", "zz-dockernet-baseline.conf", "zzzz-dockernet-baseline.conf"]
HEADER = "# Written by the Ansible collection dockernet.baseline.\n"

# Of a single interface: they stand there only where it would be closed without, and below what sets all of them.
_SINGLE = re.compile(r"net\.ipv4\.conf\..+\.forwarding\Z|net\.ipv6\.conf\.(?!all\.|default\.).+\.forwarding\Z")
_ACCEPT_RA = re.compile(r"net\.ipv6\.conf\..+\.accept_ra\Z")


@dataclass(frozen=True)
class OwnFile:
    """What becomes of one file of ours in /etc/sysctl.d."""

    path: str
    text: str | None
    """None: removed."""


def persist(boot: BootSysctls, promised: dict[str, str]) -> tuple[list[OwnFile], list[str]]:
    """Return the files with which boot sets what is promised, and the actions that write them; none if it does already.

    Lines of ours for other keys are kept. Raises Refusal where a file that is read last cannot be beaten.
    """
    open_keys = [key for key, value in promised.items() if boot_value(boot, key).value != value]
    if not open_keys:
        return [], []
    own = _own_files(boot)
    others = BootSysctls(boot.loader, [file for file in boot.files if file not in own])
    path, lines = _winning_file(others, {line.key: line.value for file in own for line in file.assignments}, promised)
    files = [OwnFile(path, _text(lines))]
    files += [OwnFile(file.path, None) for file in own if file.path != path]
    shown = [key for key in open_keys if key in lines]
    reasons = [f"write {path}: {', '.join(f'{key} = {promised[key]}' for key in shown)} at boot"]
    for key in shown:
        rival = boot_value(others, key)
        if rival.path:
            reasons.append(f"{path} is read after {rival.path}, whose line {rival.line} sets {key} = {rival.value}")
    reasons += [f"remove {file.path}, which {path} replaces" for file in files[1:]]
    return files, reasons


def _winning_file(others: BootSysctls, kept: dict[str, str], promised: dict[str, str]) -> tuple[str, dict[str, str]]:
    """Path and lines of the file that keeps all promises.

    The knobs and accept_ra always stand in it; a single interface does only where it would be closed without.
    """
    always = {key: value for key, value in promised.items() if not _SINGLE.match(key)}
    lost: list[str] = []
    for name in OWN_NAMES:
        path = f"{FOLDER}/{name}"
        lines = {**kept, **always}
        lines.update({key: promised[key] for key in _broken(others, path, lines, promised)})
        lost = _broken(others, path, lines, promised)
        if not lost:
            return path, lines
    found = [boot_value(_with_file(others, path, lines), key) for key in lost]
    rivals = ", ".join(f"{rival.path} line {rival.line} ({rival.value})" for rival in found)
    raise Refusal(
        f"no file in {FOLDER} can override {rivals} at boot: it is read last. Remove that line, which this module "
        "does not change, or set persistent: keep",
        consents=[{"persistent": "keep"}],
    )


def _broken(others: BootSysctls, path: str, lines: dict[str, str], promised: dict[str, str]) -> list[str]:
    boot = _with_file(others, path, lines)
    return [key for key, value in promised.items() if boot_value(boot, key).value != value]


def _with_file(others: BootSysctls, path: str, lines: dict[str, str]) -> BootSysctls:
    ordered = [SysctlAssignment(key, lines[key], number) for number, key in enumerate(_ordered(lines), 2)]
    return place_file(others, SysctlFile(path, ordered))


def place_file(boot: BootSysctls, file: SysctlFile) -> BootSysctls:
    """Return boot with file where the loader reads it; one of the same name in another folder gives way.

    What lies outside the folders named sysctl.d is read behind them all: procps' /etc/sysctl.conf, and ufw's own file.
    """
    name = posixpath.basename(file.path)
    sorted_ones = [other for other in boot.files if posixpath.dirname(other.path).endswith("/sysctl.d")]
    last = [other for other in boot.files if other not in sorted_ones]
    rest = [other for other in sorted_ones if posixpath.basename(other.path) != name]
    before = [other for other in rest if posixpath.basename(other.path) < name]
    return BootSysctls(boot.loader, before + [file] + [other for other in rest if other not in before] + last)


def _ordered(lines: dict[str, str]) -> list[str]:
    """accept_ra first: it must be 2 before forwarding goes on. Single interfaces last: the knobs set them as well."""
    return sorted(lines, key=lambda key: (not _ACCEPT_RA.match(key), bool(_SINGLE.match(key)), key))


def _text(lines: dict[str, str]) -> str:
    return HEADER + "".join(f"{key} = {lines[key]}\n" for key in _ordered(lines))


def verify_boot(boot: BootSysctls, promised: dict[str, str]) -> None:
    """Raise ChangeFailed unless boot sets what is promised."""
    for key, value in promised.items():
        found = boot_value(boot, key)
        if found.value != value:
            raise ChangeFailed(
                f"boot would still set {key} to {found.value} ({found.path or 'no file'} line {found.line}), "
                f"not to {value}"
            )


def withdraw(boot: BootSysctls, is_taken_back: Callable[[str], bool]) -> tuple[list[OwnFile], list[str]]:
    """Return our files without the keys that are taken back, and the actions; the running values stay as they are."""
    files: list[OwnFile] = []
    actions: list[str] = []
    for file in _own_files(boot):
        kept = {line.key: line.value for line in file.assignments if not is_taken_back(line.key)}
        gone = sorted({line.key for line in file.assignments} - set(kept))
        if gone:
            files.append(OwnFile(file.path, _text(kept) if kept else None))
            what = f"remove {', '.join(gone)} from {file.path}" if kept else f"remove {file.path}"
            actions.append(f"{what}; the running values stay unchanged")
    return files, actions


def boot_with(boot: BootSysctls, files: list[OwnFile]) -> BootSysctls:
    """Return boot as it is once our files are what files say."""
    texts = {file.path: file.text for file in files}
    kept = [parse_sysctl_file(texts[file.path] or "", file.path) if file.path in texts else file for file in boot.files]
    return BootSysctls(boot.loader, kept)


def _own_files(boot: BootSysctls) -> list[SysctlFile]:
    """Those of the files that are ours."""
    paths = {f"{FOLDER}/{name}" for name in OWN_NAMES}
    return [file for file in boot.files if file.path in paths]


def file_diffs(snapshot: HostSnapshot, files: list[OwnFile]) -> list[Diff]:
    """The files before and after."""
    own = _own_files(boot_files(snapshot))
    old = {file.path: _text({line.key: line.value for line in file.assignments}) for file in own}
    return [Diff(file.path, old.get(file.path, ""), file.text or "") for file in files]


def boot_files(snapshot: HostSnapshot) -> BootSysctls:
    """What boot reads, as far as the snapshot has it."""
    return snapshot.boot or BootSysctls(loader="systemd-sysctl")
