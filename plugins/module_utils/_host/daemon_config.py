# Copyright (c) 2026, dockernet.baseline contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""daemon.json: where it lies, what is in it, who may change it."""

from __future__ import annotations

import os
import stat
from typing import Optional

from ansible_collections.dockernet.baseline.plugins.module_utils._host import procfs
from ansible_collections.dockernet.baseline.plugins.module_utils._host.regular_file import read_regular
from ansible_collections.dockernet.baseline.plugins.module_utils._host.unreadable import (
    ERROR,
    UnreadableError,
    from_os_error,
)
from ansible_collections.dockernet.baseline.plugins.module_utils._model.daemon_json import DaemonConfig, parse
from ansible_collections.dockernet.baseline.plugins.module_utils._model.dockerd_flags import parse_flags
from ansible_collections.dockernet.baseline.plugins.module_utils._model.secrets import mask_values

DEFAULT_PATH = "/etc/docker/daemon.json"
SNAP_PATH = "/var/snap/docker/current/config/daemon.json"


def config_path(daemon: Optional[procfs.Process], unit_argv: list[str]) -> str:
    """Return where dockerd looks for its configuration.

    ``--config-file`` on its command line, else on the one of its unit, else the default of its kind (rootless, snap,
    plain).
    """
    running = parse_flags(procfs.argv(daemon.pid)).get("config-file") if daemon else None
    named = running or parse_flags(unit_argv).get("config-file")
    if isinstance(named, str) and named:
        # A service's working directory is the root, if nobody says otherwise (systemd.exec(5)).
        return os.path.join("/", named)
    if daemon is None:
        return DEFAULT_PATH
    if (procfs.program(daemon.pid) or "").startswith("/snap/docker/"):
        return SNAP_PATH
    return _rootless_path(daemon.pid) if procfs.uid(daemon.pid) else DEFAULT_PATH


def _rootless_path(pid: int) -> str:
    """The default of a dockerd that a plain user runs: $XDG_CONFIG_HOME/docker/daemon.json, ~/.config by default."""
    environment = procfs.environment(pid)
    home = environment.get("XDG_CONFIG_HOME") or f"{environment.get('HOME', '')}/.config"
    return f"{home}/docker/daemon.json" if home.startswith("/") else DEFAULT_PATH


def read_daemon_config(path: str, named_by: int = procfs.ROOT) -> DaemonConfig:
    """Return the configuration at path, secrets masked. A file that is not there is an answer, too.

    named_by: id of the user whose dockerd says that it reads this file. Raises UnreadableError when it is not ours to
    read, no file, or none of that user's: what root may read of others is not shown for the asking.
    """
    try:
        file = read_regular(path)
    except FileNotFoundError:
        return DaemonConfig(path, exists=False, link_target=_link_target(path))
    except OSError as error:
        raise from_os_error(error, path) from error
    if named_by not in (procfs.ROOT, file.status.st_uid) and not file.status.st_mode & stat.S_IROTH:
        raise UnreadableError(ERROR, f"{path} is not a file of user {named_by}, whose dockerd names it")
    parsed = parse(file.data, path)
    return DaemonConfig(
        path=path,
        exists=True,
        values=mask_values(parsed.values),
        positions=parsed.positions,
        problems=parsed.problems,
        mode=stat.S_IMODE(file.status.st_mode),
        uid=file.status.st_uid,
        gid=file.status.st_gid,
        mtime=file.status.st_mtime,
        ctime=file.status.st_ctime,
        link_target=_link_target(path),
    )


def _link_target(path: str) -> Optional[str]:
    return os.path.realpath(path) if os.path.islink(path) else None
