# Copyright (c) 2026, dockernet.baseline contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""The service that starts dockerd, and its daemon.json."""

from __future__ import annotations

import os
import re
import shlex
import stat
from pathlib import Path
from typing import Optional

from ansible_collections.dockernet.baseline.plugins.module_utils._host import procfs
from ansible_collections.dockernet.baseline.plugins.module_utils._host.child_process import Run
from ansible_collections.dockernet.baseline.plugins.module_utils._host.regular_file import read_regular
from ansible_collections.dockernet.baseline.plugins.module_utils._model.daemon_json import DaemonConfig, parse
from ansible_collections.dockernet.baseline.plugins.module_utils._model.dockerd_flags import parse_flags
from ansible_collections.dockernet.baseline.plugins.module_utils._model.engine import ServiceUnit
from ansible_collections.dockernet.baseline.plugins.module_utils._model.secrets import mask_argv, mask_values
from ansible_collections.dockernet.baseline.plugins.module_utils._model.unread import (
    ERROR,
    UnreadableError,
    from_os_error,
)

DEFAULT_UNIT = "docker.service"
# sd_booted(3)
SYSTEMD_RUNS = Path("/run/systemd/system")
INIT_SCRIPT = Path("/etc/init.d/docker")
INIT_DEFAULTS = Path("/etc/default/docker")

_PROPERTIES = (
    "LoadState",
    "ActiveState",
    "ExecStart",
    "Environment",
    "EnvironmentFiles",
    "FragmentPath",
    "DropInPaths",
    "WantedBy",
    "RequiredBy",
    "Slice",
)
# systemd.resource-control(5)
_FILTERS = ("IPAddressAllow", "IPAddressDeny", "RestrictNetworkInterfaces")
_SLICES = ("system.slice", "-.slice")
_VARIABLE = re.compile(r"\$(?:\$|\{(?P<braced>\w+)\}|(?P<bare>\w+))")
_ASSIGNMENT = re.compile(r"(?:export\s+)?(?P<name>[A-Za-z_]\w*)=(?P<value>.*)")


def read_service(run: Run, daemon: Optional[procfs.Process]) -> ServiceUnit:
    """Return the service that daemon belongs to, or, when none runs, the one that would start it.

    Raises UnreadableError when systemd does not answer.
    """
    if SYSTEMD_RUNS.is_dir():
        return _systemd(run, unit_of(daemon.pid) if daemon else DEFAULT_UNIT)
    if INIT_SCRIPT.exists():
        return _sysvinit()
    return ServiceUnit("none")


def main_pid(run: Run, name: str) -> int:
    """Return what systemd says is the main process of a unit; 0 where it does not run, or does not tell."""
    if not SYSTEMD_RUNS.is_dir():
        return 0
    status, output, dummy = run(["systemctl", "show", name, "--property=MainPID"])
    said = _one(parse_properties(output), "MainPID") if status == 0 else ""
    return int(said) if re.fullmatch(r"[0-9]{1,9}", said, re.ASCII) else 0


def unit_of(pid: int) -> str:
    """Name of the unit of the system's service manager that a process belongs to; empty when it is in none."""
    return parse_cgroup(procfs.read_bytes(pid, "cgroup").decode("utf-8", "replace"))


def parse_cgroup(text: str) -> str:
    """Return the system service in /proc/PID/cgroup (cgroups(7)); user@1000.service manages units of its own."""
    # A name may have any character but a newline.
    for line in text.split("\n"):
        dummy, controllers, path = [*line.split(":", 2), "", ""][:3]
        if controllers not in ("", "name=systemd"):
            continue
        services = [part for part in path.split("/") if part.endswith(".service")]
        if len(services) == 1:
            return services[0]
    return ""


def parse_properties(text: str) -> dict[str, list[str]]:
    """Values by name from the output of ``systemctl show``; some properties have several lines."""
    properties: dict[str, list[str]] = {}
    for line in text.splitlines():
        name, equals, value = line.partition("=")
        if equals:
            properties.setdefault(name, []).append(value)
    return properties


def parse_exec(value: str) -> list[str]:
    """Words of the command in an ExecStart property (``{ path=... ; argv[]=dockerd -H fd:// ; ignore_errors=no ...``).

    One with a blank inside falls apart.
    """
    found = re.search(r"argv\[\]=(.*?) ; ignore_errors=", value)
    return found.group(1).split() if found else []


def expand(words: list[str], variables: dict[str, str]) -> list[str]:
    """Expand variables as systemd does (systemd.service(5), "Command lines").

    ``$NAME`` as a word of its own becomes none or several words, all else stays one word; unknown ones are empty.
    """
    expanded: list[str] = []
    for word in words:
        alone = re.fullmatch(r"\$(\w+)", word)
        if alone:
            expanded += variables.get(alone.group(1), "").split()
        else:
            expanded.append(_VARIABLE.sub(lambda found: _replacement(found, variables), word))
    return expanded


def _replacement(found: re.Match[str], variables: dict[str, str]) -> str:
    name = found.group("braced") or found.group("bare")
    return variables.get(name, "") if name else "$"


def parse_environment(text: str) -> dict[str, str]:
    """Variables from a file of assignments (systemd.exec(5), EnvironmentFile=; the same file serves init scripts)."""
    variables = {}
    for line in re.sub(r"\\\n", "", text).splitlines():
        found = _ASSIGNMENT.fullmatch(line.strip())
        if found:
            variables[found["name"]] = _unquoted(found["value"])
    return variables


def _unquoted(value: str) -> str:
    try:
        return " ".join(shlex.split(value))
    except ValueError:
        return value


def _systemd(run: Run, name: str) -> ServiceUnit:
    if not name:
        return ServiceUnit("none")
    properties, *others = _show(run, name, *_SLICES)
    if _one(properties, "LoadState") == "not-found":
        return ServiceUnit("none")
    words = parse_exec(_one(properties, "ExecStart"))
    return ServiceUnit(
        manager="systemd",
        name=name,
        active=_one(properties, "ActiveState"),
        argv=mask_argv(expand(words, _unit_environment(properties))),
        fragment=_one(properties, "FragmentPath"),
        drop_ins=_one(properties, "DropInPaths").split(),
        starts_at_boot=bool(_one(properties, "WantedBy") or _one(properties, "RequiredBy")),
        filters=_filters(properties),
        slices=_slices(run, _one(properties, "Slice"), dict(zip(_SLICES, others))),
    )


def _show(run: Run, *names: str) -> list[dict[str, list[str]]]:
    listed = ",".join(_PROPERTIES + _FILTERS)
    status, output, problem = run(["systemctl", "show", names[0], f"--property={listed}", "--", *names[1:]])
    if status != 0:
        raise UnreadableError(ERROR, f"systemctl show {names[0]} failed: {problem.strip() or f'exit status {status}'}")
    # A command may have empty lines, and slices have none.
    return [parse_properties(text) for text in output.rsplit("\n\n", len(names) - 1)]


def _filters(properties: dict[str, list[str]]) -> dict[str, list[str]]:
    # An empty list of interfaces is "~".
    return {name: _one(properties, name).split() for name in _FILTERS if _one(properties, name).strip("~")}


def _slices(run: Run, name: str, shown: dict[str, dict[str, list[str]]]) -> Optional[dict[str, dict[str, list[str]]]]:
    """Filters of a slice and of those above: a-b.slice is in a.slice, and that in -.slice (systemd.slice(5))."""
    if not name:
        return None
    words = [word for word in name[:-6].split("-") if word]
    above = [f"{'-'.join(words[:count])}.slice" for count in range(len(words), 0, -1)] + ["-.slice"]
    further = [item for item in above if item not in shown]
    if further:
        shown.update(zip(further, _show(run, *further)))
    if not shown.keys() >= set(above):
        return None
    return {item: _filters(shown[item]) for item in above if _filters(shown[item])}


def _one(properties: dict[str, list[str]], name: str) -> str:
    return properties.get(name, [""])[-1]


def _unit_environment(properties: dict[str, list[str]]) -> dict[str, str]:
    """Environment= first, then the files, which win (systemd.exec(5))."""
    variables: dict[str, str] = {}
    for word in _split(_one(properties, "Environment")):
        name, equals, value = word.partition("=")
        if equals:
            variables[name] = value
    for value in properties.get("EnvironmentFiles", []):
        path = value.rpartition(" (ignore_errors=")[0]
        if path:
            variables.update(parse_environment(_text(Path(path))))
    return variables


def _split(text: str) -> list[str]:
    try:
        return shlex.split(text)
    except ValueError:
        return text.split()


def _sysvinit() -> ServiceUnit:
    """Debian's script starts ``dockerd -p PIDFILE $DOCKER_OPTS`` (contrib/init/sysvinit-debian/docker)."""
    options = parse_environment(_text(INIT_DEFAULTS)).get("DOCKER_OPTS", "")
    return ServiceUnit("sysvinit", "docker", argv=mask_argv(["dockerd", *options.split()]), fragment=str(INIT_SCRIPT))


def _text(path: Path) -> str:
    try:
        return read_regular(path).text
    except OSError:
        return ""


DEFAULT_PATH = "/etc/docker/daemon.json"
SNAP_PATH = "/var/snap/docker/current/config/daemon.json"


def config_path(daemon: Optional[procfs.Process], unit_argv: list[str]) -> str:
    """``--config-file`` of dockerd's command line, else of its unit's, else the default of its kind."""
    running = parse_flags(procfs.argv(daemon.pid)).get("config-file") if daemon else None
    named = running or parse_flags(unit_argv).get("config-file")
    if isinstance(named, str) and named:
        # A service's working directory is the root, unless it is set (systemd.exec(5)).
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

    named_by: id of the user whose dockerd says that it reads this file. Raises UnreadableError when it cannot be read,
    or is not that user's.
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
