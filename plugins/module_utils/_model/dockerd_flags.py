# Copyright (c) 2026, dockernet.baseline contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""dockerd's command line in the terms of daemon.json."""

from __future__ import annotations

import re
from typing import Any

GO_TRUE = frozenset({"1", "t", "T", "true", "TRUE", "True"})
GO_FALSE = frozenset({"0", "f", "F", "false", "FALSE", "False"})


# Flags that take no value unless it is joined with "=" (moby cmd/dockerd/config*.go and options.go, BoolVar).
_BOOLEANS = frozenset(
    {
        "allow-direct-routing",
        "cri-containerd",
        "debug",
        "experimental",
        "help",
        "icc",
        "init",
        "ip-forward",
        "ip-forward-no-drop",
        "ip-masq",
        "ip6tables",
        "iptables",
        "ipv6",
        "live-restore",
        "no-new-privileges",
        "raw-logs",
        "rootless",
        "selinux-enabled",
        "tls",
        "tlsverify",
        "userland-proxy",
        "validate",
        "version",
    }
)

_INTEGERS = frozenset(
    {
        "default-stop-timeout",
        "max-concurrent-downloads",
        "max-concurrent-uploads",
        "max-download-attempts",
        "mtu",
        "network-control-plane-mtu",
        "network-diagnostic-port",
        "oom-score-adjust",
        "shutdown-timeout",
    }
)

# Flags that may be given several times, with the key they fill (NewNamedListOptsRef and its kin).
_LISTS = {
    "authorization-plugin": "authorization-plugins",
    "cdi-spec-dir": "cdi-spec-dirs",
    "default-address-pool": "default-address-pools",
    "dns": "dns",
    "dns-opt": "dns-opts",
    "dns-search": "dns-search",
    "exec-opt": "exec-opts",
    "host": "hosts",
    "host-gateway-ip": "host-gateway-ips",
    "insecure-registry": "insecure-registries",
    "label": "labels",
    "node-generic-resource": "node-generic-resources",
    "registry-mirror": "registry-mirrors",
    "storage-opt": "storage-opts",
}

# Flags of the form NAME=VALUE, given several times, with the object they fill.
_MAPS = {
    "add-runtime": "runtimes",
    "default-network-opt": "default-network-opts",
    "default-ulimit": "default-ulimits",
    "feature": "features",
    "log-opt": "log-opts",
}

_SHORT = {
    "D": "debug",
    "G": "group",
    "H": "host",
    "b": "bridge",
    "g": "graph",
    "h": "help",
    "l": "log-level",
    "p": "pidfile",
    "s": "storage-driver",
    "v": "version",
}


def parse_flags(argv: list[str]) -> dict[str, Any]:
    """Return the flags in argv (argv[0] is the program) by the key of daemon.json that each corresponds to.

    Those that daemon.json has no key for keep their own name. Booleans and integers are converted where they can be,
    flags that may be repeated become lists or objects. A word that follows an unknown flag is its value.
    """
    values: dict[str, Any] = {}
    words = list(argv[1:])
    while words:
        word = words.pop(0)
        name, joined, text = _split(word)
        if not name:
            continue
        if not joined and name not in _BOOLEANS and words and (name in _takes_value or not words[0].startswith("-")):
            text = words.pop(0)
            joined = True
        _store(values, name, text if joined else "true")
    return values


_takes_value = frozenset(_INTEGERS) | frozenset(_LISTS) | frozenset(_MAPS)


def _split(word: str) -> tuple[str, bool, str]:
    """Return a flag's long name, whether a value is joined to it, and that value; an empty name for other words."""
    if word.startswith("--"):
        name, joined, text = word[2:].partition("=")
        return name, bool(joined), text
    if word.startswith("-") and len(word) > 1:
        name = _SHORT.get(word[1], word[1])
        text = word[2:]
        if name in _BOOLEANS:
            return name, text.startswith("="), text[1:]
        return name, bool(text), text[1:] if text.startswith("=") else text
    return "", False, ""


def _store(values: dict[str, Any], name: str, text: str) -> None:
    if name in _LISTS:
        values.setdefault(_LISTS[name], []).append(_pool(text) if name == "default-address-pool" else text)
    elif name in _MAPS:
        _store_option(values.setdefault(_MAPS[name], {}), name, text)
    elif name in _BOOLEANS:
        values[name] = True if text in GO_TRUE else False if text in GO_FALSE else text
    elif name in _INTEGERS:
        values[name] = int(text) if re.fullmatch(r"-?[0-9]{1,18}", text) else text
    else:
        values[name] = text


def _pool(text: str) -> dict[str, Any]:
    """``base=10.0.0.0/8,size=24`` as daemon.json writes it."""
    fields = dict(part.partition("=")[::2] for part in text.split(","))
    size = fields.get("size", "")
    return {"base": fields.get("base", ""), "size": int(size) if re.fullmatch(r"[0-9]{1,3}", size) else size}


def _store_option(target: dict[str, Any], flag: str, text: str) -> None:
    name, value = text.partition("=")[::2]
    if flag == "default-network-opt":
        option, setting = value.partition("=")[::2]
        target.setdefault(name, {})[option] = setting
    elif flag == "add-runtime":
        target[name] = {"path": value}
    elif flag == "feature":
        target[name] = value not in GO_FALSE
    else:
        target[name] = value
