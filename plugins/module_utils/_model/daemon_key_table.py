# Copyright (c) 2026, dockernet.baseline contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""The keys of daemon.json: which there are, since when, of what type, and what a change of each reaches."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Callable, Optional, Union

Release = tuple[int, int]
"""Major and minor number of an engine."""
UNKNOWN_RELEASE: Release = (0, 0)
"""Where the engine could not be asked for it."""

# Types, as dockerd decodes them.
BOOLEAN = "boolean"
INTEGER = "integer"
STRING = "string"
ADDRESS = "IP address"
PREFIX = "address with prefix length"
STRINGS = "list of strings"
ADDRESSES = "list of IP addresses"
POOLS = "list of address pools"
OBJECT = "object"
OBJECTS = "object of objects"
STRING_MAP = "object of strings"
BOOLEAN_MAP = "object of booleans"
NETWORK_OPTIONS = "object of objects of strings"
SIZE = "size"
"""A string that is not empty; null is refused as well."""
PROXIES = "object of options"
"""Its members count as top-level keys, see flattened."""
# What a change reaches, once dockerd runs with it.
DEFAULT_BRIDGE = "default bridge"
"""Only the daemon's default network; a restart that keeps running containers ignores it."""
BRIDGES = "bridge networks"
NEW_NETWORKS = "networks made later"
NEW_CONTAINERS = "containers started later"
DAEMON = "daemon"

OLDEST: Release = (20, 10)
"""The oldest release that this table was made for; what is older is taken for it."""


def _known(release: Release, first: Release, last: Optional[Release]) -> bool:
    if release == UNKNOWN_RELEASE:
        return True
    return first <= max(release, OLDEST) and (last is None or release <= last)


@dataclass(frozen=True)
class Key:
    """One key of daemon.json."""

    kind: str
    default: Any = None
    """None: empty, or worked out by dockerd."""
    first: Release = OLDEST
    last: Optional[Release] = None
    """The last release that knew it; None: it is known still."""
    scope: str = DAEMON
    reloadable: bool = False
    """Whether SIGHUP is enough."""
    decoded_until: Optional[Release] = None
    """The last release that read the value; later ones take whatever stands there. None: all do."""

    def known_to(self, release: Release) -> bool:
        """Whether an engine of that release starts with the key in its file; (0, 0): whether any does."""
        return _known(release, self.first, self.last)


@dataclass(frozen=True)
class FlagName:
    """The name of a flag that differs from that of its key: dockerd lets it stand in the file and reads nothing."""

    meant: Optional[str] = None
    """The key; None where there is none."""
    first: Release = OLDEST
    last: Optional[Release] = None

    def known_to(self, release: Release) -> bool:
        """Whether an engine of that release starts with it in its file; (0, 0): whether any does."""
        return _known(release, self.first, self.last)


def _bridge(kind: str, default: Any = None, first: Release = OLDEST) -> Key:
    return Key(kind, default, first, scope=DEFAULT_BRIDGE)


def _driver(kind: str, default: Any = None, first: Release = OLDEST) -> Key:
    return Key(kind, default, first, scope=BRIDGES)


def _containers(kind: str, default: Any = None, first: Release = OLDEST, last: Optional[Release] = None) -> Key:
    return Key(kind, default, first, last, scope=NEW_CONTAINERS)


def _reloadable(kind: str, default: Any = None, first: Release = OLDEST) -> Key:
    return Key(kind, default, first, reloadable=True)


KEYS: dict[str, Key] = {
    # The default network.
    "bip": _bridge(PREFIX),
    "bip6": _bridge(PREFIX, first=(28, 0)),
    "bridge": _bridge(STRING),
    "default-gateway": _bridge(ADDRESS),
    "default-gateway-v6": _bridge(ADDRESS),
    "fixed-cidr": _bridge(PREFIX),
    "fixed-cidr-v6": _bridge(PREFIX),
    "icc": _bridge(BOOLEAN, True),
    "ip": _bridge(ADDRESS, "0.0.0.0"),  # noqa: S104 (the default that dockerd has)
    "ip-masq": _bridge(BOOLEAN, True),
    "ipv6": _bridge(BOOLEAN, False),
    "mtu": _bridge(INTEGER, 1500),
    # All bridge networks.
    "allow-direct-routing": _driver(BOOLEAN, False, (28, 2)),
    "bridge-accept-fwmark": _driver(STRING, first=(29, 0)),
    "firewall-backend": _driver(STRING, first=(29, 0)),
    "ip-forward": _driver(BOOLEAN, True),
    "ip-forward-no-drop": _driver(BOOLEAN, False, (28, 0)),
    "ip6tables": _driver(BOOLEAN, True),
    "iptables": _driver(BOOLEAN, True),
    "userland-proxy": _driver(BOOLEAN, True),
    "userland-proxy-path": _driver(STRING),
    "default-address-pools": Key(POOLS, scope=NEW_NETWORKS),
    "default-network-opts": Key(NETWORK_OPTIONS, first=(24, 0), scope=NEW_NETWORKS),
    # Names, for containers.
    "dns": _containers(ADDRESSES),
    "dns-opts": _containers(STRINGS),
    "dns-search": _containers(STRINGS),
    "host-gateway-ip": _containers(ADDRESS),
    "host-gateway-ips": _containers(ADDRESSES, first=(28, 0)),
    # The daemon's own networking.
    "live-restore": _reloadable(BOOLEAN, False),
    "network-control-plane-mtu": Key(INTEGER, 1500),
    "network-diagnostic-port": _reloadable(INTEGER, 0),
    "experimental": Key(BOOLEAN, False),
    # All else.
    "allow-nondistributable-artifacts": Key(STRINGS, reloadable=True, decoded_until=(28, 0)),
    "api-cors-header": Key(STRING, last=(28, 5)),
    "authorization-plugins": Key(STRINGS),
    "builder": Key(OBJECT),
    "cdi-spec-dirs": Key(STRINGS, first=(25, 0)),
    "cgroup-parent": _containers(STRING),
    "cluster-advertise": Key(STRING, last=(23, 0)),
    "cluster-store": Key(STRING, last=(23, 0)),
    "cluster-store-opts": Key(STRING_MAP, last=(23, 0)),
    "containerd": Key(STRING),
    "containerd-namespace": Key(STRING, "moby"),
    "cpu-rt-period": _containers(INTEGER, 0),
    "cpu-rt-runtime": _containers(INTEGER, 0),
    "cri-containerd": Key(BOOLEAN, False),
    "data-root": Key(STRING, "/var/lib/docker"),
    "debug": _reloadable(BOOLEAN, False),
    "default-cgroupns-mode": _containers(STRING),
    "default-ipc-mode": _containers(STRING, "private"),
    "default-runtime": _reloadable(STRING, "runc"),
    "default-shm-size": Key(SIZE, "64MiB", scope=NEW_CONTAINERS, reloadable=True),
    "default-stop-timeout": _reloadable(INTEGER, 10, (29, 7)),
    "default-ulimits": _containers(OBJECTS),
    "deprecated-key-path": Key(STRING, decoded_until=(23, 0)),
    "exec-opts": Key(STRINGS),
    "exec-root": Key(STRING, "/var/run/docker"),
    "features": _reloadable(BOOLEAN_MAP),
    "graph": Key(STRING, last=(20, 10)),
    "group": Key(STRING, "docker"),
    "hosts": Key(STRINGS),
    "init": _containers(BOOLEAN, False),
    "init-path": _containers(STRING),
    "insecure-registries": _reloadable(STRINGS),
    "labels": _reloadable(STRINGS),
    "log-driver": _containers(STRING, "json-file"),
    "log-format": Key(STRING, "text", (25, 0)),
    "log-level": Key(STRING, "info"),
    "log-opts": _containers(STRING_MAP),
    "max-concurrent-downloads": _reloadable(INTEGER, 3),
    "max-concurrent-uploads": _reloadable(INTEGER, 5),
    "max-download-attempts": _reloadable(INTEGER, 5),
    "metrics-addr": Key(STRING),
    "min-api-version": Key(STRING, first=(29, 0)),
    "no-new-privileges": _containers(BOOLEAN, False),
    "node-generic-resources": Key(STRINGS),
    "nri-opts": _reloadable(OBJECT, first=(29, 2)),
    "oom-score-adjust": Key(INTEGER, last=(25, 0)),
    "pidfile": Key(STRING, "/var/run/docker.pid"),
    "proxies": Key(PROXIES, first=(23, 0)),
    "raw-logs": Key(BOOLEAN, False),
    "registry-mirrors": _reloadable(STRINGS),
    "rootless": Key(BOOLEAN, False),
    "runtimes": _reloadable(OBJECTS),
    "seccomp-profile": _containers(STRING),
    "selinux-enabled": Key(BOOLEAN, False),
    "shutdown-timeout": _reloadable(INTEGER, 15),
    "storage-driver": Key(STRING),
    "storage-opts": Key(STRINGS),
    "swarm-default-advertise-addr": Key(STRING),
    "tls": Key(BOOLEAN, False),
    "tlscacert": Key(STRING),
    "tlscert": Key(STRING),
    "tlskey": Key(STRING),
    "tlsverify": Key(BOOLEAN, False),
    "userns-remap": Key(STRING),
}

# Names of flags by which dockerd knows a key, and reads nothing from it.
FLAG_NAMES: dict[str, FlagName] = {
    "add-runtime": FlagName("runtimes"),
    "authorization-plugin": FlagName("authorization-plugins"),
    "cdi-spec-dir": FlagName("cdi-spec-dirs", (25, 0)),
    "cluster-store-opt": FlagName("cluster-store-opts", last=(23, 0)),
    "config-file": FlagName(),
    "containerd-plugins-namespace": FlagName(),
    "default-address-pool": FlagName("default-address-pools"),
    "default-network-opt": FlagName("default-network-opts", (24, 0)),
    "default-ulimit": FlagName("default-ulimits"),
    "dns-opt": FlagName("dns-opts"),
    "exec-opt": FlagName("exec-opts"),
    "feature": FlagName("features", (27, 3)),
    "help": FlagName(),
    "host": FlagName("hosts"),
    "http-proxy": FlagName("proxies", (23, 0)),
    "https-proxy": FlagName("proxies", (23, 0)),
    "insecure-registry": FlagName("insecure-registries"),
    "label": FlagName("labels"),
    "log-opt": FlagName("log-opts"),
    "no-proxy": FlagName("proxies", (23, 0)),
    "node-generic-resource": FlagName("node-generic-resources"),
    "registry-mirror": FlagName("registry-mirrors"),
    "restart": FlagName(),
    "storage-opt": FlagName("storage-opts"),
    "validate": FlagName(first=(23, 0)),
    "version": FlagName(),
}

# Given as flag and in the file, these are merged (moby daemon/config/config.go, skipDuplicates).
MERGED_WITH_FLAGS = frozenset({"runtimes"})


def default_of(name: str, release: Release) -> Any:
    """Return the value that a key has in a release when nobody sets it; None for empty or worked out by dockerd.

    Raises KeyError for a name that is no key.
    """
    if name == "ip6tables" and UNKNOWN_RELEASE < release < (27, 0):
        return False
    return KEYS[name].default


Schema = Union[str, tuple[str, "Schema"], dict[str, "Schema"]]

_TEXT, _SWITCH, _NUMBER, _ANY = "text", "switch", "number", "any"
LARGEST = (1 << 63) - 1
"""Of the integers that dockerd can hold."""


def is_integer(value: Any) -> bool:
    """Whether Go's decoder takes it for an int."""
    return isinstance(value, int) and not isinstance(value, bool) and -LARGEST - 1 <= value <= LARGEST


_RULE: Schema = {
    "all": _SWITCH,
    "keepstorage": _TEXT,
    "reservedspace": _TEXT,
    "maxusedspace": _TEXT,
    "minfreespace": _TEXT,
}
_COLLECTION: Schema = {
    "enabled": _SWITCH,
    "policy": ("list", _RULE),
    "defaultkeepstorage": _TEXT,
    "defaultreservedspace": _TEXT,
    "defaultmaxusedspace": _TEXT,
    "defaultminfreespace": _TEXT,
}
_SCHEMAS: dict[str, Schema] = {
    "builder": {
        "gc": _COLLECTION,
        "entitlements": {"network-host": _SWITCH, "security-insecure": _SWITCH},
        "history": {"maxentries": _NUMBER},
    },
    "default-ulimits": ("map", {"name": _TEXT, "hard": _NUMBER, "soft": _NUMBER}),
    "runtimes": (
        "map",
        {"path": _TEXT, "runtimeargs": ("list", _TEXT), "runtimetype": _TEXT, "options": ("map", _ANY)},
    ),
}

_PLAIN: dict[str, Callable[[Any], bool]] = {
    _TEXT: lambda value: isinstance(value, str),
    _SWITCH: lambda value: isinstance(value, bool),
    _NUMBER: is_integer,
    _ANY: lambda dummy: True,
}
_WORDS = {_TEXT: "a string", _SWITCH: "true or false", _NUMBER: "a whole number", "list": "an array"}


def misfit_in(name: str, value: dict[str, Any]) -> str:
    """Return which field of a key's object has the wrong type (``gc.enabled must be true or false``); "" if none."""
    schema = _SCHEMAS.get(name)
    return "" if schema is None else _misfit(schema, value, "")


def _misfit(schema: Schema, value: Any, path: str) -> str:
    if value is None:
        return ""
    if isinstance(schema, str):
        return "" if _PLAIN[schema](value) else f"{path} must be {_WORDS[schema]}"
    if isinstance(schema, tuple):
        return _misfit_items(schema[0], schema[1], value, path)
    if not isinstance(value, dict):
        return f"{path} must be an object"
    fields = ((schema.get(name.lower(), _ANY), item, _below(path, name)) for name, item in value.items())
    return next(filter(None, (_misfit(*field) for field in fields)), "")


def _misfit_items(shape: str, schema: Schema, value: Any, path: str) -> str:
    if not isinstance(value, list if shape == "list" else dict):
        return f"{path} must be {'an array' if shape == 'list' else 'an object'}"
    items = enumerate(value) if isinstance(value, list) else value.items()
    return next(filter(None, (_misfit(schema, item, _below(path, str(name))) for name, item in items)), "")


def _below(path: str, name: str) -> str:
    return f"{path}.{name}" if path else name
