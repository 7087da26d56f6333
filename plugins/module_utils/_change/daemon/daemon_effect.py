# Copyright (c) 2026, dockernet.baseline contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""How a changed key of daemon.json comes into force, whether the daemon says that it is, and what a restart does. Pure.

Sources: moby daemon/reload.go at the tags v20.10.27 to docker-v29.7.2. A reload takes most keys only where they stand
in the file (IsValueSet): removing one leaves its last value in force, until a reload finds the default written out.
moby daemon/daemon.go (Shutdown, restore): with live-restore in force dockerd leaves containers alone when it ends, and
takes them up again when it starts *if live-restore is configured then, too*; else it kills what it finds.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from ansible_collections.dockernet.baseline.plugins.module_utils._change.daemon.daemon_file import (
    CurrentConfig,
    parse_text,
    same,
    with_key,
)
from ansible_collections.dockernet.baseline.plugins.module_utils._change.plan import Disruption, Refusal
from ansible_collections.dockernet.baseline.plugins.module_utils._model.daemon_key_table import (
    BOOLEAN_MAP,
    DEFAULT_BRIDGE,
    KEYS,
    NEW_CONTAINERS,
    NEW_NETWORKS,
    OBJECT,
    OBJECTS,
    STRINGS,
    default_of,
)
from ansible_collections.dockernet.baseline.plugins.module_utils._model.dockerd_start import (
    filters_with_nftables,
    would_close_forward,
)
from ansible_collections.dockernet.baseline.plugins.module_utils._model.engine import Container
from ansible_collections.dockernet.baseline.plugins.module_utils._model.engine_releases import (
    CROSSES_NETWORKS,
    KEEPS_AUTO_REMOVE,
    NEEDS_BRIDGE_NETFILTER,
    NFTABLES,
    has,
)
from ansible_collections.dockernet.baseline.plugins.module_utils._model.firewall import parse_table
from ansible_collections.dockernet.baseline.plugins.module_utils._model.proxy_state import (
    KEY,
    proxy_default,
    proxy_in_force,
)
from ansible_collections.dockernet.baseline.plugins.module_utils._model.secrets import MASK, mask_values
from ansible_collections.dockernet.baseline.plugins.module_utils._model.snapshot import HostSnapshot
from ansible_collections.dockernet.baseline.plugins.module_utils._model.topology import attachments, running

LIVE_RESTORE = "live-restore"
_EMPTY: dict[str, Any] = {STRINGS: [], OBJECT: {}, OBJECTS: {}, BOOLEAN_MAP: {}}
# process start times are known to a second only.
CLOCK_SLACK = 1.0

NOTES = {
    NEW_NETWORKS: "for networks created later; existing ones keep their settings",
    NEW_CONTAINERS: "for containers started later; running ones keep their settings",
}


def reloadable(name: str) -> bool:
    """Whether SIGHUP is enough for the key."""
    return name in KEYS and KEYS[name].reloadable


def of_default_bridge(name: str) -> bool:
    """Whether a start that finds containers running ignores the key."""
    return name in KEYS and KEYS[name].scope == DEFAULT_BRIDGE


def note_of(name: str) -> str:
    """Whom the key reaches once it is in force, where that is less than everybody."""
    return NOTES.get(KEYS[name].scope, "") if name in KEYS else ""


def in_force(snapshot: HostSnapshot, name: str, wanted: Any) -> bool | None:
    """Whether the daemon runs with the wanted value (None: the default), None where neither it nor time tells."""
    if name == KEY:
        value = proxy_in_force(snapshot).value
        return None if value is None else value == (proxy_default() if wanted is None else wanted)
    engine, config, daemon = snapshot.engine, snapshot.daemon_config, snapshot.daemon
    if engine is not None and name == LIVE_RESTORE:
        return engine.live_restore is (wanted is True)
    if engine is not None and name in engine.settings:
        shown, asked = _comparable(name, engine.settings[name]), _comparable(name, wanted)
        if not same(shown, asked):
            return False
        if MASK not in json.dumps(asked):
            return True
    if config is None or daemon is None or config.mtime is None:
        return None
    changed = max(config.mtime, config.ctime or 0.0)
    return True if changed + CLOCK_SLACK < daemon.started_at else None


def written_out(config: CurrentConfig, text: str | None, names: set[str]) -> str | None:
    """Return text with the default of each of names that a reload must find there, since text leaves it out."""
    values = parse_text(text).values
    for name in sorted(names):
        if name not in values and name not in config.flags and reloadable(name):
            text = with_key(text or "", name, value=_default(name))
    return text


def reload_problem(expected: dict[str, Any], reported: dict[str, str]) -> str:
    """Return what of expected the attributes of the daemon's reload event contradict; empty for nothing.

    Their texts are Go's; only those of booleans, numbers, strings and lists are compared.
    """
    wrong = []
    for name, value in expected.items():
        wanted = _default(name) if value is None else value
        if name in reported and not _agrees(name, wanted, reported[name]):
            wrong.append(f"{name} as {reported[name]}")
    return f"dockerd reports {', '.join(wrong)}" if wrong else ""


def report_problem(snapshot: HostSnapshot, expected: dict[str, Any]) -> str:
    """Return what of expected the daemon's own report contradicts; empty for nothing."""
    engine = snapshot.engine
    if engine is None:
        return "dockerd does not answer"
    reported = {**engine.settings, LIVE_RESTORE: engine.live_restore}
    wrong = [
        f"{name} as {json.dumps(reported[name])}"
        for name, value in expected.items()
        if name in reported and not same(_comparable(name, reported[name]), _comparable(name, value))
    ]
    return f"dockerd reports {', '.join(wrong)}" if wrong else ""


def _default(name: str) -> Any:
    default = default_of(name, (0, 0)) if name in KEYS else None
    return _EMPTY.get(KEYS[name].kind) if default is None and name in KEYS else default


def _comparable(name: str, value: Any) -> Any:
    """A value of daemon.json as a snapshot has it of /info, secrets masked."""
    return mask_values({name: _as_shown(name, value)})[name]


def _as_shown(name: str, value: Any) -> Any:
    """A value of daemon.json as dockerd shows it; labels in an order, which it has none for (a map of Go)."""
    if value is None:
        value = _default(name)
    if name == "registry-mirrors" and isinstance(value, list):
        return [str(mirror).rstrip("/") for mirror in value]
    return sorted(map(str, value)) if name == "labels" and isinstance(value, list) else value


def _agrees(name: str, wanted: Any, reported: str) -> bool:
    if isinstance(wanted, list):
        try:
            found = json.loads(reported) or []
        except ValueError:
            return True
        return same(_as_shown(name, found), _as_shown(name, wanted))
    if isinstance(wanted, bool):
        return reported == str(wanted).lower()
    if isinstance(wanted, int):
        return reported == str(wanted)
    return not isinstance(wanted, str) or name == "default-shm-size" or reported == wanted


# Where dockerd keeps, and looks for, what it knows of its containers.
MOVES_STATE = frozenset(
    {"containerd", "containerd-namespace", "data-root", "exec-root", "graph", "storage-driver", "userns-remap"}
)
BACKEND = "firewall-backend"


@dataclass(frozen=True)
class ServiceTraits:
    """What decides whether a restart of the service stops more than dockerd."""

    kill_mode: str = ""
    """systemd.kill(5); anything but ``process`` also kills what else lives in the service's control group."""
    dependents: list[str] = field(default_factory=list)
    """Active units that systemd restarts along with it (Requires=, BindsTo= or PartOf= this one)."""


@dataclass(frozen=True)
class LiveRestore:
    """Whether live-restore carries the containers over the restart, and what it takes to get there."""

    in_force: bool
    """As the daemon reports it."""
    next_start: bool
    """As the file and the flags of the unit will have it."""
    obstacle: str = ""
    """Why it cannot be brought into force; empty when it can."""

    @property
    def carries(self) -> bool:
        """Whether containers survive as things stand."""
        return self.in_force and self.next_start


@dataclass(frozen=True)
class RestartImpact:
    """Who would feel the restart."""

    disruptions: list[Disruption] = field(default_factory=list)
    kept: list[Container] = field(default_factory=list)
    """Containers that must run on, with the same start time."""


def live_restore(snapshot: HostSnapshot, values: dict[str, Any], flags: dict[str, Any]) -> LiveRestore:
    """Judge live-restore by the daemon's report, the file's values and the flags of the next start."""
    engine = snapshot.engine
    in_force = bool(engine and engine.live_restore)
    next_start = (flags[LIVE_RESTORE] if LIVE_RESTORE in flags else values.get(LIVE_RESTORE)) is True
    obstacle = ""
    if engine is not None and engine.swarm:
        obstacle = "the engine is part of a swarm, which cannot be combined with live-restore"
    elif LIVE_RESTORE in flags and not (in_force and next_start):
        obstacle = f"live-restore is set on the command line of {_unit(snapshot)}, where only a restart changes it"
    return LiveRestore(in_force, next_start, obstacle)


def impact(snapshot: HostSnapshot, traits: ServiceTraits, *, carried_over: bool) -> RestartImpact:
    """Return who feels a restart when live-restore does, or does not, carry the containers over it."""
    alive = running(snapshot)
    bound = f"is restarted, because it is bound to {_unit(snapshot)}"
    others = [Disruption("service", name, bound) for name in traits.dependents]
    if not carried_over or _kills_shims(snapshot, traits):
        return RestartImpact(
            [Disruption("container", container.name, _fate(container)) for container in alive] + others
        )
    removed = [container for container in alive if container.auto_remove] if _removes_kept(snapshot) else []
    how = "is stopped and removed (--rm), which Docker Engine before release 25 does despite live-restore"
    felt = [Disruption("container", container.name, how) for container in removed]
    return RestartImpact(felt + others, [container for container in alive if container not in removed])


def moved_state(snapshot: HostSnapshot, changing: frozenset[str]) -> list[Disruption]:
    """Return the containers that a dockerd with these keys changed would not find again.

    Raises Refusal when one of them runs: it would run on, and no daemon would know it.
    """
    keys = ", ".join(sorted(changing & MOVES_STATE))
    if not keys or not snapshot.containers:
        return []
    alive = ", ".join(sorted(container.name for container in running(snapshot)))
    if alive:
        raise Refusal(
            f"nothing was changed: with another {keys}, dockerd no longer finds its containers, and these would keep "
            f"running without a daemon: {alive}. Stop them first"
        )
    how = f"is no longer found by a dockerd with another {keys}, nor are its image, volumes and networks"
    return [Disruption("container", container.name, how) for container in snapshot.containers]


def others_in_file(snapshot: HostSnapshot, wanted: frozenset[str]) -> list[str]:
    """Return a warning, if need be, of what else a restart may bring into force: the file is newer than dockerd."""
    config, daemon = snapshot.daemon_config, snapshot.daemon
    if config is None or daemon is None or config.mtime is None or config.mtime <= daemon.started_at + CLOCK_SLACK:
        return []
    others = sorted(key for key in config.values if key not in {*wanted, LIVE_RESTORE})
    if not others:
        return []
    return [
        (
            f"{config.path} was changed after dockerd started: the restart makes these other changes effective as well "
            f"(keys in it: {', '.join(others)})"
        )
    ]


def _fate(container: Container) -> str:
    if container.auto_remove:
        return "is stopped and removed (--rm)"
    policy = container.restart_policy or "no"
    if policy in ("always", "unless-stopped"):
        return f"is stopped and started again (restart policy {policy})"
    if policy == "on-failure":
        return "is stopped, and started again only if it ends with an error (restart policy on-failure)"
    return "is stopped and stays stopped (restart policy no)"


def _removes_kept(snapshot: HostSnapshot) -> bool:
    return not has(snapshot.engine, KEEPS_AUTO_REMOVE)


def _kills_shims(snapshot: HostSnapshot, traits: ServiceTraits) -> bool:
    """Whether systemd would kill the containers' shims along with dockerd (systemd.kill(5)).

    That is so when dockerd runs its own containerd, whose children then live in the service's control group.
    """
    argv = snapshot.daemon.argv if snapshot.daemon else []
    separate = any(word == "--containerd" or word.startswith("--containerd=") for word in argv)
    return traits.kill_mode not in ("", "process") and not separate


def _unit(snapshot: HostSnapshot) -> str:
    return snapshot.service.name if snapshot.service and snapshot.service.name else "docker.service"


def default_network_anew(snapshot: HostSnapshot, taken: frozenset[str], settings: Mapping[str, Any]) -> str:
    """What a start does besides to the network that these keys are about, in words that go behind those of the restart.

    taken: keys of the default network that the start brings into force; settings: what it will use, by key.
    """
    default = next((item for item in snapshot.networks if item.is_default_bridge), None)
    if not taken or default is None:
        return ""
    values = [f"{name} {json.dumps(settings[name])}" for name in sorted(taken) if name in settings]
    return f"; it recreates network {default.name} ({default.bridge}){' with ' if values else ''}{', '.join(values)}"


def refuse_impossible(snapshot: HostSnapshot, *, bridge_netfilter: bool) -> None:
    """Raise Refusal where dockerd would not start without docker-proxy.

    bridge_netfilter: whether the kernel has the module, loaded or to be loaded.
    """
    engine = snapshot.engine
    if engine is not None and has(engine, NEEDS_BRIDGE_NETFILTER) and not bridge_netfilter:
        raise Refusal(
            f"docker-proxy was not turned off: without it, Docker Engine {engine.version} needs the kernel module "
            "br_netfilter to start, which this kernel does not have (in a container, load it on its host)"
        )


def cut_off(snapshot: HostSnapshot, settings: dict[str, Any]) -> list[Disruption]:
    """Return whose published ports lose a way in without docker-proxy, so that switching it off takes consent.

    settings: what the next start of dockerd will use, file and flags together.
    """
    publishing = [container for container in running(snapshot) if container.published]
    if settings.get("iptables") is False:
        how = "is false, so no published port is reachable any more: only docker-proxy serves them"
        return [Disruption("setting", "iptables", how)]
    return [*_other_networks(snapshot), *_ipv6_clients(publishing)]


def proxy_warnings(snapshot: HostSnapshot, kept: list[Container], *, enabled: bool) -> list[str]:
    """Return what the operator should know, one sentence each, only what is true of this host."""
    return list(_turned_on(kept) if enabled else _turned_off(snapshot))


def _other_networks(snapshot: HostSnapshot) -> Iterator[Disruption]:
    """Publishers that a container of another bridge network may reach by an address of the host, and then does not."""
    if has(snapshot.engine, CROSSES_NETWORKS):
        return
    joined: dict[str, set[str]] = {}
    for item in attachments(snapshot):
        joined.setdefault(item.container.name, set()).add(item.network.name)
    everywhere = {network for networks in joined.values() for network in networks}
    for container in running(snapshot):
        others = sorted(everywhere - joined.get(container.name, everywhere))
        if container.published and others:
            yield Disruption(
                "container",
                container.name,
                "is no longer reachable at its published ports, through any address of the host, from containers of "
                f"other bridge networks ({', '.join(others)}); Docker Engine 29 and later accepts them",
            )


def _ipv6_clients(publishing: list[Container]) -> Iterator[Disruption]:
    for container in publishing:
        if _needs_proxy_for_ipv6(container):
            yield Disruption(
                "container",
                container.name,
                "is no longer reachable at the host's IPv6 addresses, including [::1], because it has IPv4 only",
            )


def _turned_off(snapshot: HostSnapshot) -> Iterator[str]:
    publishing = {item.network.name for item in attachments(snapshot) if item.container.published}
    closed = {network.name for network in snapshot.networks if not network.icc}
    if closed & publishing:
        yield (
            "without docker-proxy, containers of networks with icc=false no longer reach each other's published ports: "
            f"{', '.join(sorted(closed & publishing))}"
        )
    old = snapshot.engine is not None and not has(snapshot.engine, NEEDS_BRIDGE_NETFILTER)
    if old and snapshot.sysctls.get("net.bridge.bridge-nf-call-iptables") == "0":
        yield (
            "net.bridge.bridge-nf-call-iptables is 0: without docker-proxy, containers of one network reach each "
            "other's published ports by the host's address only when it is 1"
        )


def _turned_on(kept: list[Container]) -> Iterator[str]:
    names = sorted(container.name for container in kept if _lost_ipv6_listener(container))
    if names:
        yield (
            "docker-proxy listens on [::] for these containers only after they are restarted once, because dockerd "
            f"remembers their bindings without it: {', '.join(names)}"
        )


def _needs_proxy_for_ipv6(container: Container) -> bool:
    has_address = any(endpoint.address6 for endpoint in container.endpoints)
    return not has_address and any(":" in port.host_ip for port in container.published)


def _lost_ipv6_listener(container: Container) -> bool:
    hosts = {port.host_ip for port in container.published}
    return "0.0.0.0" in hosts and "::" not in hosts  # noqa: S104


def closed_forward(snapshot: HostSnapshot, settings: dict[str, Any]) -> list[Disruption]:
    """Return that nothing is forwarded any more where iptables have the policy of FORWARD at DROP.

    dockerd with iptables set it, and with nftables leaves it (moby iptabler/cleaner.go); what a chain of nftables
    accepts another one still drops.

    settings: what the next start of dockerd will use, file and flags together.
    """
    if settings.get(BACKEND) != NFTABLES or snapshot.ruleset is None or not running(snapshot):
        return []
    closed = {
        6 if command.startswith("ip6") else 4
        for command, text in snapshot.ruleset.save.items()
        if parse_table(text, "filter").policies.get("FORWARD") == "DROP"
    }
    return [
        Disruption(
            "network",
            network.name,
            f"no longer publishes ports nor reaches the outside by IPv{version}: the policy of FORWARD is DROP, which "
            "only rules of iptables override, not those of nftables; decide what else it must block, then run "
            f"{'iptables' if version == 4 else 'ip6tables'} -P FORWARD ACCEPT",
        )
        for network in snapshot.networks
        if network.bridge and not network.internal
        for version in ((4, 6) if network.ipv6 else (4,))
        if version in closed
    ]


def refused_bindings(snapshot: HostSnapshot, settings: dict[str, Any]) -> list[Disruption]:
    """Return who publishes a port twice, which dockerd refuses with nftables and without docker-proxy.

    Its rule "MASQ TO OWN PORT" is the same for both (moby nftabler/port.go, setPerPortHairpinMasq(); 29.0 to 29.7 at
    least): a start with live-restore leaves out all rules of the container's ports, and the container's next start
    fails.

    settings: what the next start of dockerd will use, file and flags together.
    """
    if settings.get(BACKEND) != NFTABLES or settings.get(KEY, proxy_default()):
        return []
    return [
        Disruption(
            "container",
            container.name,
            "is no longer reachable at its published ports, and no longer starts: with nftables and without "
            f"docker-proxy, dockerd refuses two ports of the host for one port of a container ({', '.join(twice)})",
        )
        for container in running(snapshot)
        for twice in [_published_twice(container)]
        if twice
    ]


def _published_twice(container: Container) -> list[str]:
    """Ports with more than one binding that is translated, of one family."""
    has_address6 = any(endpoint.address6 for endpoint in container.endpoints)
    counted = Counter(
        (f"{port.container_port}/{port.protocol}", ":" in port.host_ip)
        for port in container.published
        if port.host_port and (has_address6 or ":" not in port.host_ip)
    )
    return list(dict.fromkeys(name for (name, dummy), number in counted.items() if number > 1))


def closing_warnings(snapshot: HostSnapshot, policy: str) -> list[str]:
    """Return what a start of dockerd may do to FORWARD of IPv4, whose policy this is; empty where it would not.

    May, since something else can turn forwarding on before that start.
    """
    engine = snapshot.engine
    if policy == "DROP" or snapshot.sysctls.get("net.ipv4.ip_forward") != "0":
        return []
    if engine is None or filters_with_nftables(snapshot) or not would_close_forward(snapshot, engine, "ipv4"):
        return []
    text = "IPv4 forwarding is off. If it still is when dockerd starts, dockerd turns it on, and closes the chain"
    return [f"{text} FORWARD (its policy goes from ACCEPT to DROP)"]
