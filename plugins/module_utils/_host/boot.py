# Copyright (c) 2026, dockernet.baseline contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""The files that set the kernel's settings at boot, in the order in which they are applied."""

from __future__ import annotations

import os
import stat
from pathlib import Path
from typing import Optional

from ansible_collections.dockernet.baseline.plugins.module_utils._host.regular_file import read_regular
from ansible_collections.dockernet.baseline.plugins.module_utils._host.unreadable import from_os_error
from ansible_collections.dockernet.baseline.plugins.module_utils._model.kernel import BootSysctls, SysctlFile
from ansible_collections.dockernet.baseline.plugins.module_utils._model.sysctl_files import parse_sysctl_file

# sysctl.d(5): of files with one name the first in this order counts. /lib is /usr/lib on hosts with a merged /usr.
DIRECTORIES = ("etc/sysctl.d", "run/sysctl.d", "usr/local/lib/sysctl.d", "usr/lib/sysctl.d", "lib/sysctl.d")


def read_boot(root: Path = Path("/")) -> BootSysctls:
    """Return all that will be set at boot on the system whose files lie below root.

    systemd-sysctl knows /etc/sysctl.conf only by a link to it in a directory; procps reads it last. Where ufw is
    enabled its own file follows (ufw(8), IPT_SYSCTL). Raises UnreadableError when a file is not ours to read.
    """
    systemd = (root / "run/systemd/system").is_dir()
    paths = [effective[name] for effective in [_by_name(root)] for name in sorted(effective, key=os.fsencode)]
    if not systemd:
        paths.append(root / "etc/sysctl.conf")
    paths += _ufw_files(root)
    files = [_read(path, root) for path in paths if path.is_file()]
    return BootSysctls("systemd-sysctl" if systemd else "procps", files)


def read_procps_tail(root: Path = Path("/")) -> Optional[SysctlFile]:
    """Return /etc/sysctl.conf where systemd runs: boot does not read it under that name, ``sysctl --system`` does last.

    None where there is none, and where it is part of what read_boot() returns. Raises UnreadableError.
    """
    path = root / "etc/sysctl.conf"
    if not (root / "run/systemd/system").is_dir() or not path.is_file():
        return None
    return _read(path, root)


def _by_name(root: Path) -> dict[str, Path]:
    """The file that counts for each name; names that are masked are left out."""
    found: dict[str, Path] = {}
    masked: set[str] = set()
    for folder in DIRECTORIES:
        for name in _conf_names(root / folder):
            path = root / folder / name
            if name in found or name in masked:
                continue
            if _is_mask(path):
                masked.add(name)
            elif path.is_file():
                found[name] = path
    return found


def _conf_names(folder: Path) -> list[str]:
    try:
        return [name for name in os.listdir(folder) if name.endswith(".conf")]
    except (FileNotFoundError, NotADirectoryError):
        return []
    except OSError as error:
        raise from_os_error(error, str(folder)) from error


def _is_mask(path: Path) -> bool:
    """Whether it is empty or a link to /dev/null (systemd's src/basic/stat-util.c, null_or_empty)."""
    try:
        status = path.stat()
    except OSError:
        return os.path.islink(path) and os.readlink(path) == "/dev/null"
    return stat.S_ISCHR(status.st_mode) or (stat.S_ISREG(status.st_mode) and status.st_size == 0)


def ufw_is_enabled(root: Path = Path("/")) -> bool:
    """Whether ufw sets its rules, policies and sysctls at boot (ufw(8))."""
    return shell_setting(root / "etc/ufw/ufw.conf", "ENABLED").lower() == "yes"


def _ufw_files(root: Path) -> list[Path]:
    if not ufw_is_enabled(root):
        return []
    path = shell_setting(root / "etc/default/ufw", "IPT_SYSCTL")
    return [root / path.lstrip("/")] if path else []


def shell_setting(path: Path, name: str) -> str:
    """Value of a shell assignment in a file, empty when it is not there."""
    try:
        lines = read_regular(path).text.splitlines()
    except OSError:
        return ""
    values = [line.partition("=")[2] for line in lines if line.partition("=")[0].strip() == name]
    return values[-1].strip().strip("\"'") if values else ""


def _read(path: Path, root: Path) -> SysctlFile:
    shown = "/" + str(path.relative_to(root))
    try:
        text = read_regular(path).text
    except OSError as error:
        raise from_os_error(error, shown) from error
    return parse_sysctl_file(text, shown)
