# Copyright (c) 2026, dockernet.baseline contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Private to the collection: it can change at any time.

"""Checks of dockerd and its configuration; of published weaknesses in advisories.py."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from ansible_collections.dockernet.baseline.plugins.module_utils._model.daemon_json import ConfigProblem, DaemonConfig
from ansible_collections.dockernet.baseline.plugins.module_utils._model.daemon_key_table import (
    BRIDGES,
    DEFAULT_BRIDGE,
    KEYS,
    NEW_NETWORKS,
    UNKNOWN_RELEASE,
    default_of,
)
from ansible_collections.dockernet.baseline.plugins.module_utils._model.daemon_keys import (
    pool_fields,
    problems_in,
    release_matters,
    reload_blockers,
)
from ansible_collections.dockernet.baseline.plugins.module_utils._model.dockerd_start import (
    changed_since_start,
    next_flags,
    next_values,
    start_flags,
    start_values,
)
from ansible_collections.dockernet.baseline.plugins.module_utils._model.engine import Network
from ansible_collections.dockernet.baseline.plugins.module_utils._model.finding import HIGH, LOW, MEDIUM, Remediation
from ansible_collections.dockernet.baseline.plugins.module_utils._model.kernel import Listener
from ansible_collections.dockernet.baseline.plugins.module_utils._model.proxy_state import KEY as USERLAND_PROXY
from ansible_collections.dockernet.baseline.plugins.module_utils._model.proxy_state import proxy_in_force
from ansible_collections.dockernet.baseline.plugins.module_utils._model.secrets import MASK
from ansible_collections.dockernet.baseline.plugins.module_utils._model.snapshot import (
    DAEMON_CONFIG,
    ENGINE,
    LINKS,
    LISTENERS,
    PROCESSES,
    SERVICE,
    HostSnapshot,
)
from ansible_collections.dockernet.baseline.plugins.module_utils._model.text import listed
from ansible_collections.dockernet.baseline.plugins.plugin_utils.checks import cis, resources
from ansible_collections.dockernet.baseline.plugins.plugin_utils.checks.advisories import ADVISORY
from ansible_collections.dockernet.baseline.plugins.plugin_utils.checks.check import (
    BREAKS,
    BROKEN,
    HYGIENE,
    OPEN,
    WEAKNESS,
    Check,
    Grade,
)
from ansible_collections.dockernet.baseline.plugins.plugin_utils.checks.context import AuditContext
from ansible_collections.dockernet.baseline.plugins.plugin_utils.checks.resources import socket_name
from ansible_collections.dockernet.baseline.plugins.plugin_utils.checks.verdict import (
    Verdict,
    failed,
    not_applicable,
    passed,
    unknown,
)
from ansible_collections.dockernet.baseline.plugins.plugin_utils.firewall.unit_filters import UnitFilters


def _blockers_of(snapshot: HostSnapshot) -> list[ConfigProblem]:
    """What makes every reload fail, though dockerd starts with it."""
    config, engine = snapshot.daemon_config, snapshot.engine
    return reload_blockers(config.values, config.positions, engine.release) if config and engine else []


def _place_of(snapshot: HostSnapshot, problem: ConfigProblem) -> str:
    """``PATH:LINE:COLUMN``, or the path where the whole file is meant."""
    path = snapshot.daemon_config.path if snapshot.daemon_config else "daemon.json"
    return f"{path}:{problem.line}:{problem.column}" if problem.line else path


def _judge_config(context: AuditContext) -> list[Verdict]:
    snapshot = context.snapshot
    config = snapshot.daemon_config
    if config is None:
        return [unknown(resources.daemon(), "daemon.json was not read")]
    resource = resources.file(config.path)
    if not config.exists:
        return [_no_file(snapshot, config)]
    release = snapshot.engine.release if snapshot.engine else UNKNOWN_RELEASE
    flags = next_flags(snapshot)
    own = problems_in(config.values, config.positions, flags or {}, release)
    problems = [problem for problem in [*config.problems, *own] if _concerns(problem, release[0])]
    if problems:
        return [_problem(snapshot, problem, release[0]) for problem in problems]
    doubts = _doubts(config, release, flags)
    if doubts:
        return [unknown(resource, f"its text is valid, but {'; and '.join(doubts)}", {"keys": sorted(config.values)})]
    return [passed(resource, f"{config.path} is valid: dockerd knows all its keys", {"keys": sorted(config.values)})]


def _no_file(snapshot: HostSnapshot, config: DaemonConfig) -> Verdict:
    resource = resources.file(config.path)
    if "config-file" not in (next_flags(snapshot) or {}):
        return passed(resource, f"{config.path} does not exist: dockerd uses its defaults and flags", {"exists": False})
    return failed(
        resource,
        f"{config.path}: the file does not exist, and dockerd's --config-file names it",
        {"exists": False, "flag": f"--config-file={config.path}"},
        "dockerd does not start without it.",
        Remediation("Create the file (containing {} if there is nothing to set), or remove the flag"),
        _when_it_shows(snapshot),
    )


def _concerns(problem: ConfigProblem, major: int) -> bool:
    """Whether it is worth a finding: an empty file is none, where the engine takes it."""
    return problem.line > 0 or not _accepted(problem, major)


def _accepted(problem: ConfigProblem, major: int) -> bool:
    return problem.accepted_from is not None and problem.accepted_from <= major


def _problem(snapshot: HostSnapshot, problem: ConfigProblem, major: int) -> Verdict:
    place = _place_of(snapshot, problem)
    if _accepted(problem, major):
        impact = "This dockerd still starts with it. Whether the file does what its author meant is not known."
    else:
        impact = (
            "dockerd does not start with this file: after the next restart or boot the host has no Docker, and a "
            "reload changes nothing."
        )
    remediation = Remediation(
        f"Correct the file ({place}), and validate it before a restart: dockerd --validate (Engine 23.0 and later)"
    )
    summary, evidence = f"{place}: {problem.message}", {"key": problem.key}
    severity = LOW if _accepted(problem, major) else _when_it_shows(snapshot)
    return failed(resources.file(place), summary, evidence, impact, remediation, severity)


def _when_it_shows(snapshot: HostSnapshot) -> str:
    """The severity of a file that dockerd does not start with: high where none runs."""
    return MEDIUM if snapshot.engine is not None or snapshot.daemon is not None else HIGH


def _doubts(config: DaemonConfig, release: tuple[int, int], flags: dict[str, Any] | None) -> list[str]:
    """What else would have to be known for a pass."""
    found = []
    if config.values and flags is None:
        found.append("dockerd's flags, which may conflict with it, could not be read")
    varying = release_matters(config.values, config.positions, flags or {}) if release == UNKNOWN_RELEASE else []
    if varying:
        keys = ", ".join(str(problem.key) for problem in varying)
        found.append(f"the engine's version could not be read, and some releases do not start with {keys}")
    return found


CONFIG = Check(
    id="daemon.config",
    grades=(
        Grade(BREAKS, "dockerd does not start with the file, and a reload changes nothing"),
        Grade(BROKEN, "dockerd does not answer, and does not start with the file"),
        Grade(HYGIENE, "this release still starts with it"),
    ),
    title="daemon.json is valid",
    rationale=(
        "dockerd reads the file at its start, so a mistake shows at the worst time. dockerd --validate accepts much of "
        "what the start then fails at."
    ),
    needs=(DAEMON_CONFIG,),
    judge=_judge_config,
)


_INFO = "GET /info"
_BRIDGE = "com.docker.network.bridge."


@dataclass(frozen=True)
class _Setting:
    """A value in force."""

    value: Any
    where: str

    def agrees(self, wanted: Any) -> bool:
        """Whether it is what was wanted, where nothing, an empty list and an empty text are the same."""
        return (self.value or None) == (wanted or None)


def _shown_settings(snapshot: HostSnapshot) -> dict[str, _Setting]:
    """Values in force by key; what nothing shows is left out."""
    settings = snapshot.engine.settings if snapshot.engine is not None else {}
    found = {key: _Setting(value, _INFO) for key, value in settings.items()}
    if "registry-mirrors" in found:
        found["registry-mirrors"] = _Mirrors(settings["registry-mirrors"], _INFO)
    if "labels" in found:
        found["labels"] = _Labels(settings["labels"], _INFO)
    if snapshot.engine is not None:
        pools = [{"base": item.base, "size": item.size} for item in snapshot.engine.address_pools]
        found["default-address-pools"] = _Pools(pools, _INFO)
    default = next((network for network in snapshot.networks if network.is_default_bridge), None)
    return {**found, **(_of_default_network(snapshot, default) if default is not None else {})}


def _items(value: Any) -> list[Any]:
    """What a list holds; an answer or a file may have anything in its place, which then is an item itself."""
    return value if isinstance(value, list) else [] if value is None else [value]


class _Mirrors(_Setting):
    """dockerd ends them with a slash; what is shown has none."""

    def agrees(self, wanted: Any) -> bool:
        """Whether the same mirrors are wanted."""
        return super().agrees([str(item).rstrip("/") for item in _items(wanted)])


class _Labels(_Setting):
    """dockerd takes them through a map, which keeps no order."""

    def agrees(self, wanted: Any) -> bool:
        """Whether the same labels are wanted."""
        return sorted(map(str, _items(self.value))) == sorted(map(str, _items(wanted)))


class _Pools(_Setting):
    """Go matches the names of fields whatever the case."""

    def agrees(self, wanted: Any) -> bool:
        """Whether the same pools are wanted, in the same order."""
        return super().agrees([pool_fields(item) for item in wanted or []])


class _Among(_Setting):
    """Addresses, of which the wanted one is to be among."""

    def agrees(self, wanted: Any) -> bool:
        """Whether nothing in particular is wanted, or it is among them."""
        return not wanted or wanted in self.value


def _of_default_network(snapshot: HostSnapshot, network: Network) -> dict[str, _Setting]:
    """What was written into the default network when it was made, which is at a start without containers."""
    where = f"docker network inspect {network.name}"
    options = network.options
    found: dict[str, _Setting] = {}
    switches = {"icc": f"{_BRIDGE}enable_icc"}
    if next_values(snapshot).get("iptables") is not False:
        # Without rules there is no masquerading, whatever is asked for.
        switches["ip-masq"] = f"{_BRIDGE}enable_ip_masquerade"
    for key, option in switches.items():
        if options.get(option) in ("true", "false"):
            found[key] = _Setting(options[option] == "true", f"{where}: {option}")
    if options.get(f"{_BRIDGE}host_binding_ipv4"):
        found["ip"] = _Setting(options[f"{_BRIDGE}host_binding_ipv4"], f"{where}: {_BRIDGE}host_binding_ipv4")
    mtu = options.get("com.docker.network.driver.mtu", "")
    if mtu.isdecimal():
        found["mtu"] = _Setting(int(mtu), f"{where}: com.docker.network.driver.mtu")
    link = next((item for item in snapshot.links if item.name == network.bridge), None)
    if link is not None and link.addresses:
        found["bip"] = _Among(link.addresses, f"ip address show {link.name}")
    return found


_OWN_CHECKS = frozenset({USERLAND_PROXY, "live-restore"})
_OF_NETWORKS = frozenset({DEFAULT_BRIDGE, BRIDGES, NEW_NETWORKS})


@dataclass(frozen=True)
class _Difference:
    key: str
    wanted: Any
    shown: Any
    where: str
    """Where it shows what is in force."""


def _judge_pending(context: AuditContext) -> list[Verdict]:
    snapshot = context.snapshot
    config = snapshot.daemon_config
    if config is None:
        return [unknown(resources.daemon(), "daemon.json was not read")]
    if any(problem.accepted_from is None for problem in config.problems):
        return [unknown(resources.daemon(), f"dockerd cannot read {config.path}, see daemon.config")]
    flags = next_flags(snapshot)
    if flags is None:
        return [
            unknown(resources.daemon(), "neither the unit nor the process shows the flags that dockerd starts with")
        ]
    verdicts = _of_flags(snapshot, flags)
    settings = _shown_settings(snapshot)
    differences = [
        _Difference(key, wanted, setting.value, setting.where)
        for key, setting in settings.items()
        for wanted in [_wanted(snapshot, key)]
        if key not in _OWN_CHECKS and not setting.agrees(wanted)
    ]
    verdicts += [_of_key(config, item) for item in differences]
    if verdicts:
        return verdicts
    evidence: dict[str, Any] = {
        "compared": sorted(settings.keys() - _OWN_CHECKS),
        "changed since dockerd started": changed_since_start(snapshot),
    }
    unshown = [key for key in config.values if _is_unshown(key, settings.keys())]
    if unshown and changed_since_start(snapshot) is not False:
        reason = (
            f"{config.path} was changed after dockerd started, and nothing shows whether these keys are effective: "
            f"{unshown}"
        )
        return [unknown(resources.daemon(), reason.replace("'", ""), evidence)]
    return [passed(resources.daemon(), "The configuration is effective, as far as the daemon shows it", evidence)]


def _is_unshown(key: str, shown: Any) -> bool:
    """Whether a key concerns networks and nothing shows its value in force."""
    return key not in _OWN_CHECKS and key not in shown and key in KEYS and KEYS[key].scope in _OF_NETWORKS


def _wanted(snapshot: HostSnapshot, key: str) -> Any:
    release = snapshot.engine.release if snapshot.engine else UNKNOWN_RELEASE
    value: Any | None = next_values(snapshot).get(key)
    return default_of(key, release) if value is None else value


def _of_flags(snapshot: HostSnapshot, flags: dict[str, Any]) -> list[Verdict]:
    """The command line of the next start against the one that dockerd runs with."""
    if snapshot.daemon is None:
        return []
    running = start_flags(snapshot)
    keys = [
        key
        for key in sorted({*flags, *running} - _OWN_CHECKS)
        if flags.get(key) != running.get(key) and MASK not in json.dumps([flags.get(key), running.get(key)])
    ]
    if not keys:
        return []
    name = snapshot.service.name if snapshot.service is not None else "its service"
    evidence = {f"--{key}": {"running": running.get(key), "next start": flags.get(key)} for key in keys}
    remediation = Remediation(
        f"Restart dockerd in a maintenance window, or revert the change of {name}",
        "daemon_config",
        {"restart": "always"},
    )
    summary = (
        f"{name}: the next start of dockerd uses other flags than the running one: "
        f"{', '.join(f'--{key}' for key in keys)}"
    )
    return [failed(resources.daemon(), summary, evidence, _IMPACT, remediation)]


_IMPACT = (
    "The next start of dockerd, by an upgrade or a reboot, changes this unexpectedly. Until then the host does not do "
    "what its configuration says."
)


def _of_key(config: DaemonConfig, item: _Difference) -> Verdict:
    place = config.positions.get(item.key)
    where = f"{config.path}:{place.line}" if place is not None else config.path
    configured = f"{item.key}: {json.dumps(item.wanted)}"
    summary = f"{configured} is configured, but {json.dumps(item.shown)} is effective"
    if item.key not in config.values:
        configured = f"not set; dockerd's default is {json.dumps(item.wanted)}"
        summary = f"{item.key} is not set, but {json.dumps(item.shown)} is effective instead of the default"
    evidence = {where: configured, item.where: item.shown}
    return failed(resources.file(f"{config.path}: {item.key}"), summary, evidence, _IMPACT, _remediation(config, item))


def _remediation(config: DaemonConfig, item: _Difference) -> Remediation:
    if KEYS[item.key].scope == DEFAULT_BRIDGE:
        return Remediation(
            "Restart dockerd while no container runs (with running containers, it does not recreate the default "
            "network), or revert the setting"
        )
    if not KEYS[item.key].reloadable:
        text = "Restart dockerd in a maintenance window, or revert the setting"
        return Remediation(text, "daemon_config", {"restart": "always"})
    text = "Reload dockerd, or revert the setting"
    if item.key not in config.values:
        return Remediation(text, "daemon_config", {"absent": [item.key]})
    if MASK in json.dumps(config.values[item.key]):
        return Remediation(text)
    return Remediation(text, "daemon_config", {"config": {item.key: config.values[item.key]}})


PENDING = Check(
    id="daemon.pending",
    grades=(Grade(BREAKS, "the next start of dockerd changes the setting unexpectedly"),),
    title="dockerd's configuration is effective",
    rationale=(
        "dockerd reads its file and flags at its start, and only few keys again at a reload. docker-proxy and "
        "live-restore have checks of their own; this check compares the rest with what the daemon and its networks "
        "show."
    ),
    needs=(ENGINE, DAEMON_CONFIG, SERVICE, LINKS),
    judge=_judge_pending,
    remediated_by=("daemon_config",),
    daemon_only=True,
)


def _judge_reload(context: AuditContext) -> list[Verdict]:
    snapshot = context.snapshot
    blockers = _blockers_of(snapshot)
    if not blockers:
        return [passed(resources.daemon(), "dockerd can reload daemon.json: no known obstacle", {})]
    text = "Remove the line (true is the default), or set userland-proxy-path as well"
    # Where the proxy is on, taking the line out is an edit and no more; else the line waits for a restart.
    remediation = (
        Remediation(text, "userland_proxy", {"state": "enabled"})
        if proxy_in_force(snapshot).value
        else Remediation(text)
    )
    return [
        failed(
            resources.file(_place_of(snapshot, problem)),
            f"{_place_of(snapshot, problem)}: {problem.message}",
            {_place_of(snapshot, problem): problem.key},
            "systemctl reload docker exits 0 without a message, and no change of daemon.json takes effect: neither "
            "live-restore nor registries. Only the journal has the error.",
            remediation,
        )
        for problem in blockers
    ]


RELOAD_BLOCKED = Check(
    id="daemon.reload-blocked",
    grades=(Grade(BREAKS, "the next reload fails and changes nothing"),),
    title="dockerd can reload its configuration",
    rationale=("From Docker Engine 25 on, an explicit userland-proxy: true makes every reload fail silently."),
    needs=(ENGINE, DAEMON_CONFIG),
    judge=_judge_reload,
    remediated_by=("userland_proxy",),
    daemon_only=True,
)


_AT_MOST = 0o644


def _judge_permissions(context: AuditContext) -> list[Verdict]:
    snapshot = context.snapshot
    config = snapshot.daemon_config
    if config is None:
        return [unknown(resources.daemon(), "daemon.json was not read")]
    resource = resources.file(config.path)
    if not config.exists:
        return [not_applicable(resource, f"{config.path} does not exist", {"exists": False})]
    if config.mode is None or config.uid is None or config.gid is None:
        return [unknown(resource, f"owner and permissions of {config.path} were not read")]
    evidence = {"owner": config.uid, "group": config.gid, "permissions": f"{config.mode:04o}"}
    if config.link_target is not None:
        evidence["leads to"] = config.link_target
    faults = _faults(snapshot, config, config.mode)
    if not faults:
        return [passed(resource, f"{config.path}: only root can write it", evidence)]
    place = config.link_target or config.path
    owner = _owner(snapshot)
    return [
        failed(
            resource,
            f"{config.path}: the file {' and '.join(faults)}",
            evidence,
            "A user who can write it decides what dockerd, which runs as root, executes and opens at its next start. "
            "A user who can read it may see secrets (proxies, log-opts).",
            Remediation(f"Set owner and mode: chown {owner}:{owner} {place}; chmod 0644 {place}"),
        )
    ]


def _owner(snapshot: HostSnapshot) -> int:
    """Root; the user that runs it for a rootless engine."""
    rootless = snapshot.engine is not None and snapshot.engine.rootless
    return snapshot.daemon.uid or 0 if rootless and snapshot.daemon is not None else 0


def _faults(snapshot: HostSnapshot, config: DaemonConfig, mode: int) -> list[str]:
    owner = _owner(snapshot)
    faults = []
    if config.uid not in (0, owner):
        faults.append(f"belongs to user {config.uid}")
    if config.gid != 0 and not owner:
        faults.append(f"belongs to group {config.gid}")
    if mode & ~_AT_MOST:
        faults.append(f"has permissions {mode:04o}, more than {_AT_MOST:04o}")
    return faults


PERMISSIONS = Check(
    id="daemon.permissions",
    grades=(Grade(WEAKNESS, "a user who can write the file becomes root at the next start of dockerd"),),
    title="Only root can change daemon.json",
    rationale="dockerd runs as root and does what the file says: a user who can write it is as good as root.",
    needs=(DAEMON_CONFIG,),
    judge=_judge_permissions,
    cis=cis.DAEMON_JSON_OWNER_AND_MODE,
)


KEY = "live-restore"
_ARGS = {"config": {KEY: True}}


def _judge_live_restore(context: AuditContext) -> list[Verdict]:
    snapshot = context.snapshot
    engine = snapshot.engine
    if engine is None:
        return [unknown(resources.daemon(), "the engine did not answer")]
    evidence: dict[str, Any] = {"LiveRestoreEnabled of GET /info": engine.live_restore}
    if engine.swarm:
        return [not_applicable(resources.daemon(), "Swarm mode is on, which excludes live-restore", evidence)]
    configured = _configured_live_restore(snapshot, evidence)
    if engine.live_restore and configured is not False:
        return [passed(resources.daemon(), "live-restore is effective, as the daemon reports", evidence)]
    if engine.live_restore:
        return [_not_for_long(evidence)]
    return [_not_in_force(snapshot, evidence, configured=configured is True)]


def _configured_live_restore(snapshot: HostSnapshot, evidence: dict[str, Any]) -> bool | None:
    """Whether the next start will have it, None where that is not known; adds what was read to evidence."""
    config = snapshot.daemon_config
    if config is None or next_flags(snapshot) is None or any(item.accepted_from is None for item in config.problems):
        return None
    value = next_values(snapshot).get(KEY)
    place = config.positions.get(KEY)
    if place is not None:
        evidence[f"{config.path}:{place.line}"] = f"{KEY}: {value}"
    elif value is not None:
        evidence["flags of dockerd"] = f"{KEY}: {value}"
    return value is True


def _not_for_long(evidence: dict[str, Any]) -> Verdict:
    summary = "live-restore is effective but not configured: the next start of dockerd turns it off"
    impact = "The next restart of dockerd, manual or by an upgrade, stops all containers."
    remediation = Remediation(
        (f'Decide whether to keep it. If so, set "{KEY}": true in daemon.json'), "daemon_config", _ARGS
    )
    return failed(resources.daemon(), summary, evidence, impact, remediation)


def _not_in_force(snapshot: HostSnapshot, evidence: dict[str, Any], *, configured: bool) -> Verdict:
    impact = (
        "A restart of dockerd, manual or by an upgrade, stops all containers; those with restart policy 'no' stay down."
    )
    flags = next_flags(snapshot) or {}
    if KEY in flags:
        # In the file as well, dockerd would not start.
        given = f"--{KEY}={str(flags[KEY]).lower()} is among the flags of dockerd"
        remediation = Remediation(
            f'Remove the flag ({given}), set "{KEY}": true in daemon.json, then restart dockerd in a maintenance window'
        )
        return failed(resources.daemon(), f"live-restore is not effective: {given}", evidence, impact, remediation)
    if not configured:
        remediation = Remediation(
            f'Set "{KEY}": true in daemon.json and reload dockerd (systemctl reload docker)',
            "daemon_config",
            _ARGS,
        )
        return failed(resources.daemon(), "live-restore is not effective", evidence, impact, remediation)
    blockers = _blockers_of(snapshot)
    reason = f"a reload fails: {blockers[0].message}" if blockers else "dockerd was not reloaded, or the reload failed"
    text = f"Correct {_place_of(snapshot, blockers[0])} first, then reload dockerd" if blockers else "Reload dockerd"
    remediation = Remediation(
        f"{text} (systemctl reload docker) and check its journal: only there a failed reload is reported. Do not "
        "restart it: that stops all containers",
        "daemon_config",
        _ARGS,
    )
    return failed(
        resources.daemon(), f"live-restore is configured but not effective: {reason}", evidence, impact, remediation
    )


LIVE_RESTORE = Check(
    id="daemon.live-restore",
    grades=(Grade(HYGIENE, "containers stop when dockerd stops, as they do by default"),),
    title="live-restore is effective",
    rationale=(
        "With live-restore, containers keep running while dockerd restarts. Only the daemon shows whether it is "
        "effective: after a failed reload, the file says more than the daemon does."
    ),
    needs=(ENGINE,),
    judge=_judge_live_restore,
    cis=cis.LIVE_RESTORE,
    remediated_by=("daemon_config",),
    daemon_only=True,
)


_PLAIN, _WITH_TLS = 2375, 2376
_OF_A_SWARM = frozenset({2377, 7946})


def _judge_tcp(context: AuditContext) -> list[Verdict]:
    snapshot = context.snapshot
    if snapshot.daemon is None:
        return [unknown(resources.daemon(), "dockerd was not seen running")]
    values = start_values(snapshot)
    given = values.get("hosts")
    hosts = [str(host) for host in given] if given and isinstance(given, list) else ["unix:///var/run/docker.sock"]
    open_ports = _listening(snapshot)
    wanted = {port for port in map(_tcp_port, hosts) if port}
    sockets = [item for item in open_ports if item.port in wanted]
    explained = wanted | _explained(snapshot, values)
    others = [item for item in open_ports if item.pid is not None and item.port not in explained]
    if snapshot.daemon.sockets_handed > 1 and any(host.startswith("fd://") for host in hosts):
        # A further ListenStream of docker.socket.
        sockets, others = sockets + others, []
    evidence: dict[str, Any] = {
        "listens at": hosts,
        "TCP sockets of dockerd for it": [socket_name(item.address, item.port) for item in sockets],
        "tlsverify": values.get("tlsverify", False),
    }
    from_file = "hosts" not in start_flags(snapshot) or "tlsverify" not in start_flags(snapshot)
    stale = from_file and changed_since_start(snapshot) is True
    if sockets and values.get("tlsverify") is True:
        return [_verified(evidence, sockets, stale=stale)]
    if sockets:
        return [_open(evidence, sockets)]
    if others and stale and "hosts" not in start_flags(snapshot):
        places = ", ".join(socket_name(item.address, item.port) for item in others)
        reason = (
            f"dockerd listens at {places}; whether for the Engine API with TLS is unknown, because daemon.json was "
            "changed after its start"
        )
        return [unknown(resources.daemon(), reason, evidence)]
    return [passed(resources.daemon(), "The Engine API is not on TCP", evidence)]


def _listening(snapshot: HostSnapshot) -> list[Listener]:
    """TCP sockets that dockerd holds, and those whose holder could not be seen."""
    own = (None, snapshot.daemon.pid if snapshot.daemon else None)
    return [item for item in snapshot.listeners if item.protocol == "tcp" and item.pid in own]


def _explained(snapshot: HostSnapshot, values: dict[str, Any]) -> set[int]:
    """Ports that dockerd holds for something else: published ones without docker-proxy, metrics, a swarm."""
    ports = {port.host_port for item in snapshot.containers for port in item.published if port.protocol == "tcp"}
    metrics = str(values.get("metrics-addr", "")).rpartition(":")[2]
    ports |= {int(metrics)} if metrics.isdecimal() else set()
    diagnostic = values.get("network-diagnostic-port")
    ports |= {diagnostic} if isinstance(diagnostic, int) else set()
    return ports | (_OF_A_SWARM if snapshot.engine is not None and snapshot.engine.swarm else set())


def _tcp_port(host: str) -> int | None:
    """Port of an address that dockerd is configured to listen at (``-H``); None where that is no TCP."""
    if "://" not in host:
        # tcp is what dockerd takes it for (moby opts/hosts.go).
        host = f"tcp://{host}"
    try:
        parts = urlsplit(host)
        return parts.port or _PLAIN if parts.scheme == "tcp" else None
    except ValueError:
        return None


def _open(evidence: dict[str, Any], sockets: list[Listener]) -> Verdict:
    places = ", ".join(socket_name(item.address, item.port) for item in sockets)
    local = all(item.address == "::1" or item.address.startswith("127.") for item in sockets)
    who = (
        "Every user and program of this host, and every container in its network namespace,"
        if local
        else "Every machine that reaches this port"
    )
    return failed(
        resources.daemon(),
        f"The Engine API listens at {places} and requires no client certificate",
        evidence,
        f"{who} is root on this host: it can start a container that mounts / .",
        Remediation(
            "Remove the TCP address (hosts in daemon.json, -H, docker.socket) and use ssh:// for remote access, or "
            "require certificates: tlsverify with tlscacert, tlscert and tlskey"
        ),
    )


def _verified(evidence: dict[str, Any], sockets: list[Listener], *, stale: bool) -> Verdict:
    places = ", ".join(socket_name(item.address, item.port) for item in sockets)
    if stale:
        reason = (
            f"the Engine API listens at {places}; whether tlsverify is effective is unknown, because daemon.json was "
            "changed after dockerd's start"
        )
        return unknown(resources.daemon(), reason, evidence)
    return passed(resources.daemon(), f"The Engine API at {places} requires a client certificate", evidence)


TCP = Check(
    id="daemon.tcp",
    grades=(Grade(OPEN, "everyone who reaches the port is root on the host, which no configuration asks for"),),
    title="The Engine API is not on TCP without TLS verification",
    rationale=(
        "A client of the API is root. Encryption alone (tls) keeps no client out: only tlsverify requires client "
        "certificates. This check looks at the sockets of the running dockerd, not at the file."
    ),
    needs=(ENGINE, PROCESSES, LISTENERS, DAEMON_CONFIG),
    judge=_judge_tcp,
    cis=cis.TLS,
    daemon_only=True,
)


_LISTED = 3


def _judge_address_filter(context: AuditContext) -> list[Verdict]:
    snapshot = context.snapshot
    filters = UnitFilters.of_dockerd(snapshot.service)
    evidence = {"filters": filters.listed} if filters.listed else {}
    refused = {
        name: denied for name, addresses in _talks_to(snapshot) for denied in [filters.denied_by(addresses)] if denied
    }
    if refused:
        return [_refused(snapshot, refused, evidence)]
    doubts = [f"{text}: systemd drops packets by it; which ones is not evaluated" for text in filters.not_evaluated]
    doubts += [filters.unread] if filters.unread else []
    if doubts:
        return [unknown(resources.daemon(), "; ".join(doubts), evidence)]
    summary = "systemd filters no packets of dockerd and docker-proxy"
    if filters.denials:
        summary = f"{' and '.join(filters.denials)} covers no address that dockerd or docker-proxy talk to"
    elif filters.listed:
        summary = f"{' and '.join(filters.listed)} denies nothing without IPAddressDeny: {summary}"
    return [passed(resources.daemon(), summary, evidence)]


def _refused(snapshot: HostSnapshot, refused: dict[str, dict[str, str]], evidence: dict[str, Any]) -> Verdict:
    """The verdict about what is refused: by its name, and by the unit that denies it."""
    denials = {unit: text for denied in refused.values() for unit, text in denied.items()}
    summary = (
        f"{' and '.join(denials.values())} covers {listed(list(refused), _LISTED)}: "
        "systemd drops packets of dockerd and docker-proxy"
    )
    slices = [unit for unit in denials if unit in ((snapshot.service and snapshot.service.slices) or {})]
    beside = "What goes by DNAT is not affected."
    if slices:
        beside = (
            f"Other services in {' and '.join(slices)}, and containers whose control group is there, lose them too."
        )
    impact = (
        "Connections by docker-proxy time out, and so do questions of dockerd to nameservers. iptables and nft do "
        f"not show it. {beside}"
    )
    remediation = Remediation(
        f"Add to IPAddressAllow of {' and '.join(denials)}: loopback, the subnets of networks, and the nameservers; or "
        "take IPAddressDeny out. Then run: systemctl daemon-reload, and restart dockerd in a maintenance window"
    )
    return failed(resources.daemon(), summary, evidence, impact, remediation)


def _talks_to(snapshot: HostSnapshot) -> list[tuple[str, str]]:
    """What dockerd and docker-proxy exchange packets with, as a reader would name it, and its addresses."""
    return [
        ("loopback addresses", "127.0.0.0/8"),
        *(
            (f"network {network.name}", entry.subnet)
            for network in snapshot.networks
            if network.driver == "bridge"
            for entry in network.subnets
        ),
        *((f"nameserver {address}", address) for address in snapshot.nameservers),
    ]


ADDRESS_FILTER = Check(
    id="daemon.address-filter",
    grades=(Grade(BROKEN, "docker-proxy and the DNS server of dockerd get no answers"),),
    title="systemd lets dockerd and docker-proxy exchange packets",
    rationale=(
        "IPAddressDeny in the unit of dockerd, or in a slice above it, holds for docker-proxy and the DNS server for "
        "containers, too. It is no rule of the firewall: neither iptables nor nft shows what it drops. Judged is what "
        "systemd has loaded: a changed file is effective from dockerd's next start on, systemctl set-property at once."
    ),
    needs=(ENGINE, SERVICE),
    judge=_judge_address_filter,
    daemon_only=True,
)

CHECKS: tuple[Check, ...] = (
    CONFIG,
    PENDING,
    RELOAD_BLOCKED,
    PERMISSIONS,
    LIVE_RESTORE,
    TCP,
    ADDRESS_FILTER,
    ADVISORY,
)
"""In the order in which reports show them."""
