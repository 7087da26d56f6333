"""Problems of a daemon.json, as dockerd of the four tested releases answers to it."""

from __future__ import annotations

import re
from typing import Any

import pytest
from ansible_collections.dockernet.baseline.plugins.module_utils._model.daemon_json import (
    ConfigProblem,
    KeyPosition,
    parse,
)
from ansible_collections.dockernet.baseline.plugins.module_utils._model.daemon_key_table import (
    FLAG_NAMES,
    KEYS,
    default_of,
)
from ansible_collections.dockernet.baseline.plugins.module_utils._model.daemon_keys import (
    _TURNING_POINTS,
    problems_in,
    release_matters,
    reload_blockers,
)

ANY = (0, 0)
BULLSEYE = (20, 10)
TRIXIE = (26, 1)
FORKY = (28, 5)


def problems(values: dict[str, Any], release: tuple[int, int] = TRIXIE, **flags: Any) -> list[ConfigProblem]:
    named = {name.replace("_", "-"): value for name, value in flags.items()}
    return problems_in(values, {}, named, release)


def messages(values: dict[str, Any], release: tuple[int, int] = TRIXIE, **flags: Any) -> str:
    return "\n".join(problem.message for problem in problems(values, release, **flags))


@pytest.mark.parametrize(
    "values",
    [
        {},
        {"live-restore": True, "userland-proxy": False, "iptables": None},
        {"bip": "172.26.0.1/16", "fixed-cidr": "172.26.1.0/24", "mtu": 1400, "ip": "127.0.0.1", "default-gateway": ""},
        {"dns": ["192.0.2.1", "2001:db8::1"], "dns-opts": ["ndots:1"], "hosts": ["unix:///run/docker.sock"]},
        {"default-address-pools": [{"base": "10.0.0.0/16", "size": 24}, {"Base": "fd00::/48", "Size": 64}]},
        {"default-network-opts": {"bridge": {"com.docker.network.driver.mtu": "1400"}}},
        {"log-driver": "journald", "log-opts": {"tag": "x"}, "features": {"buildkit": True}, "runtimes": {}},
        {"builder": {"gc": {"enabled": True}}, "proxies": {"http-proxy": "http://192.0.2.1"}},
        {"default-ulimits": {"nofile": {"Name": "nofile", "Hard": 6, "Soft": 4}}, "default-shm-size": "64M"},
        {"deprecated-key-path": "x", "allow-nondistributable-artifacts": []},
        {"icc": False},
    ],
)
def test_what_dockerd_starts_with_is_no_problem(values: dict[str, Any]) -> None:
    assert problems(values) == []


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"userland-proxi": False}, '"userland-proxi" is no key of daemon.json (is userland-proxy meant?)'),
        ({"Userland-Proxy": False}, "(is userland-proxy meant?)"),
        ({"resolv-conf": "/x"}, "is no key"),
        ({"userland-proxy": "false"}, 'userland-proxy must be true or false, found "false"'),
        ({"icc": 0}, "icc must be true or false, found 0"),
        ({"mtu": 1500.0}, "mtu must be a whole number, found 1500.0"),
        ({"mtu": True}, "mtu must be a whole number, found true"),
        ({"labels": "a=b"}, 'labels must be an array of strings, found "a=b"'),
        ({"hosts": ["x", 1]}, "hosts must be an array of strings, found an array with something else in it"),
        ({"default-shm-size": 67108864}, "default-shm-size must be a size in a string, found 67108864"),
        ({"log-opts": {"max-file": 3, "tag": "x"}}, 'whose values are strings; that of "max-file" is not'),
        ({"bip": "banana"}, 'bip: "banana" is no IPv4 address with a prefix length'),
        ({"bip": "192.0.2.1"}, "bip:"),
        ({"bip": "2001:db8::1/64"}, "is no IPv4 address"),
        ({"fixed-cidr-v6": "192.0.2.0/24"}, "is no IPv6 address"),
        ({"fixed-cidr-v6": "::ffff:192.0.2.0/120"}, "is no IPv6 address"),
        ({"ip": "banana"}, 'ip: "banana" is no IP address'),
        ({"dns": ["192.0.2.1", "x"]}, 'dns: "x" is no IP address'),
        ({"default-address-pools": [{"base": "10.0.0.0/16", "size": 8}]}, "10.0.0.0/16 cannot be cut into networks"),
        ({"default-address-pools": [{"base": "10.0.0.0/16", "size": 33}]}, "cannot be cut"),
        ({"default-address-pools": [{"base": "10.0.0.0", "size": 24}]}, "is no network"),
        ({"default-address-pools": [{"base": "192.0.2.1/", "Base": "10.0.0.0/16", "size": 24}]}, "is no network"),
        ({"default-address-pools": [{"base": 1, "Base": "10.0.0.0/16", "size": 24}]}, "must be an array of objects"),
        ({"default-address-pools": [{"base": "10.0.0.0/16", "size": "24"}]}, "must be an array of objects"),
        ({"default-address-pools": {"base": "10.0.0.0/16", "size": 24}}, "found an object"),
        ({"default-network-opts": {"bridge": {"mtu": 1}}}, 'that of "bridge" is not'),
        ({"icc": False, "iptables": False}, "icc: false needs iptables"),
        ({"bridge": "br0", "bip": "192.0.2.1/24"}, "bridge and bip exclude each other"),
        ({"foo": {"bar": 1}}, 'and neither is its member "bar"'),
        ({"mtu": -1}, "mtu is negative"),
        ({"bip": "192.0.2.0/24"}, "is the address of the network"),
        ({"labels": ["x", "a=b"]}, 'labels: "x" is not of the form name=value'),
        ({"dns": ["fe80::1%eth0"]}, "is no IP address"),
        ({"default-shm-size": None}, "default-shm-size must be a size in a string, found null"),
        ({"default-ulimits": {"nofile": 1}}, 'whose values are objects; that of "nofile" is not'),
        (
            {"proxies": {"htp-proxy": "x"}},
            'proxies must be an object with http-proxy, https-proxy and no-proxy, found "htp',
        ),
        ({"proxies": None}, "found null"),
        ({"userland-proxy-path": "docker-proxy"}, "must be an absolute path"),
        ({"mtu": 1 << 63}, "mtu must be a whole number"),
        ({"bip": "192.0.2.1/255.255.255.0"}, "is no IPv4 address with a prefix length"),
        (
            {"log-level": "warning"},
            'log-level must be one of panic, fatal, error, warn, info, debug, trace, found "warn',
        ),
        ({"log-format": "xml"}, 'log-format must be "text" or "json", found "xml"'),
        ({"default-ipc-mode": "host"}, "default-ipc-mode must be"),
        ({"default-cgroupns-mode": "PRIVATE"}, "default-cgroupns-mode must be"),
        ({"default-shm-size": "64MX"}, "is no size"),
        ({"default-shm-size": ".5g"}, "is no size"),
        ({"x": {"proxies": {}}}, 'neither is its member "proxies"'),
        ({"dns-search": ["a b", "example.com"]}, 'dns-search: "a b" is no domain'),
        ({"labels": ["a=1", "a=2"]}, 'labels: "a" stands twice'),
        ({"labels": ["com.docker.x=1"]}, "reserved for Docker"),
        ({"hosts": ["http://x"]}, 'hosts: "http://x" is no address to listen at'),
        ({"hosts": ["tcp://127.0.0.1:0"]}, "is no address to listen at"),
        ({"node-generic-resources": ["gpu"]}, "is not of the form name=value"),
        ({"node-generic-resources": ["gpu=1", "gpu=2"]}, "negative or not alone"),
        ({"registry-mirrors": ["https://u:hunter2@m.example"]}, "registry-mirrors: 1 of them"),
        ({"max-concurrent-uploads": -1}, "max-concurrent-uploads is negative"),
        ({"builder": {"gc": {"Enabled": 1}}}, "builder: gc.Enabled must be true or false"),
        ({"runtimes": {"x": {"runtimeArgs": "no"}}}, "runtimes: x.runtimeArgs must be an array"),
        ({"default-ulimits": {"nofile": {"Soft": 1.5}}}, "default-ulimits: nofile.Soft must be a whole number"),
        ({"help": {"x": 1}}, 'help: its member "x" is no key of daemon.json'),
        ({"cluster-store-opts": {}}, "was known up to Docker Engine 23.0"),
        ({"allow-nondistributable-artifacts": "x"}, "must be an array of strings"),
        ({"features": {"windows-dns-proxy": True}}, "is for Windows"),
    ],
)
def test_what_keeps_dockerd_from_starting(values: dict[str, Any], message: str) -> None:
    found = problems(values)
    assert len(found) == 1
    assert message in found[0].message
    assert found[0].accepted_from is None


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"foo": {"userland-proxy": False}}, "of its members userland-proxy takes effect"),
        ({"log": {"log-driver": "journald"}}, "nothing in it takes effect"),
        (
            {"label": ["a=b"]},
            "label is the name of a flag: dockerd takes it and reads nothing from it; the key is labels",
        ),
        ({"http-proxy": "http://192.0.2.1"}, "the key is proxies"),
        ({"restart": True}, "is the name of a flag"),
    ],
)
def test_what_dockerd_takes_and_does_not_do(values: dict[str, Any], message: str) -> None:
    found = problems(values)
    assert len(found) == 1
    assert message in found[0].message
    assert found[0].accepted_from == 0


def test_keys_belong_to_releases() -> None:
    assert re.search(r"bip6 came .*28\.0, .*26\.1", messages({"bip6": "2001:db8::1/64"}))
    assert problems({"bip6": "2001:db8::1/64"}, FORKY) == []
    assert problems({"bip6": "2001:db8::1/64"}, ANY) == []
    assert "up to Docker Engine 20.10" in messages({"graph": "/x"})
    assert problems({"graph": "/x"}, BULLSEYE) == []
    assert re.search(r"no-proxy came .*23\.0", messages({"no-proxy": "x"}, BULLSEYE))
    assert problems({"allow-nondistributable-artifacts": "x"}, FORKY) == []
    assert "removed in Docker Engine 28.0" in messages({"api-cors-header": "*"}, FORKY)
    assert "no option of this system" in messages({"exec-opts": ["isolation=x"]}, FORKY)
    assert "more than one address" in messages({"host-gateway-ips": ["192.0.2.1", "192.0.2.2"]}, FORKY)
    assert "takes effect" in messages({"nri-opts": {}}, BULLSEYE)
    assert "takes it and reads nothing" in messages({"feature": "x"}, FORKY)
    assert re.search(r"feature came .*27\.3", messages({"feature": "x"}, TRIXIE))
    assert problems({"iptables": False}, (19, 3)) == []


def test_whether_an_unknown_release_matters_is_told() -> None:
    def keys(values: dict[str, Any]) -> list[str | None]:
        return [problem.key for problem in release_matters(values, {}, {})]

    assert keys({"bip6": "", "mtu": 1, "x": {"firewall-backend": ""}, "graph": "/x"}) == ["bip6", "x", "graph"]
    assert keys({"ipv6": True}) == ["ipv6"]
    assert keys({"mtu": 1400, "live-restore": True, "userland-proxy": True}) == []


def test_the_turning_points_are_all_releases_of_the_table() -> None:
    bounds = {key.first for key in KEYS.values()} | {name.first for name in FLAG_NAMES.values()}
    assert bounds <= set(_TURNING_POINTS)


def test_contradictions_belong_to_releases() -> None:
    no_experimental = {"ip6tables": True}
    assert "needs experimental" in messages(no_experimental)
    assert problems({**no_experimental, "experimental": True}) == []
    assert problems(no_experimental, FORKY) == []
    assert problems(no_experimental, ANY) == []
    assert "needs fixed-cidr-v6" in messages({"ipv6": True})
    assert problems({"ipv6": True}, FORKY) == []
    assert "needs ip6tables" in messages({"icc": False, "ipv6": True, "ip6tables": False}, FORKY)
    assert "is no port number" in messages({"network-diagnostic-port": 99999}, FORKY)
    assert "is no port number" in messages({"x": {}, "network-diagnostic-port": 99999}, FORKY)
    assert problems({"network-diagnostic-port": 99999}) == []
    assert problems({"dns": ["fe80::1%eth0"]}, (29, 0)) == []
    assert "is no IP address" in messages({"host-gateway-ip": "fe80::1%eth0"}, (29, 1))
    assert default_of("ip6tables", TRIXIE) is False
    assert default_of("ip6tables", FORKY) is True


def test_a_key_that_is_also_a_flag() -> None:
    assert "hosts is also given" in messages({"hosts": ["fd://"]}, hosts=["fd://"])
    assert "http-proxy is also" in messages({"proxies": {"http-proxy": "x"}}, http_proxy="x")
    assert "host-gateway-ip is also" in messages({"host-gateway-ip": "192.0.2.1"}, host_gateway_ips=["192.0.2.1"])
    assert problems({"runtimes": {}}, runtimes={"x": {"path": "y"}}) == []
    assert problems({"mtu": 1400}, hosts=["fd://"]) == []


def test_a_contradiction_between_flag_and_file_stands_at_the_key_of_the_file() -> None:
    found = problems_in({"icc": False}, {"icc": KeyPosition(3, 5)}, {"iptables": False}, TRIXIE)
    assert [(problem.key, problem.line, problem.column) for problem in found] == [("icc", 3, 5)]
    assert problems_in({"debug": True}, {}, {"iptables": False, "icc": False}, TRIXIE) == []


def test_a_reload_fails_on_the_proxy_written_out() -> None:
    assert reload_blockers({"userland-proxy": True}, {}, TRIXIE)[0].key == "userland-proxy"
    harmless: list[dict[str, Any]] = [
        {"userland-proxy": True, "userland-proxy-path": "/usr/bin/docker-proxy"},
        {"userland-proxy": False},
        {},
    ]
    assert all(reload_blockers(values, {}, TRIXIE) == [] for values in harmless)
    assert reload_blockers({"userland-proxy": True}, {}, BULLSEYE) == []


def test_problems_come_in_the_order_of_the_file_with_their_places() -> None:
    text = b'{\n  "mtu": "1500",\n  "nonsense": 1\n}\n'
    parsed = parse(text, "daemon.json")
    found = problems_in(parsed.values, parsed.positions, {}, TRIXIE)
    assert [(problem.line, problem.column, problem.key) for problem in found] == [(2, 3, "mtu"), (3, 3, "nonsense")]


def test_secrets_in_objects_are_not_shown() -> None:
    assert "hunter2" not in messages(
        {"log-opts": {"splunk-token": "hunter2", "max-file": 3}, "labels": {"a": "hunter2"}}
    )


def test_every_default_has_the_type_of_its_key() -> None:
    defaults = {name: default_of(name, FORKY) for name in KEYS if default_of(name, FORKY) is not None}
    assert problems({name: value for name, value in defaults.items() if KEYS[name].last is None}, (99, 0)) == []
