"""Generates daemon.json files: sound ones, wrong ones, and what happens to files on their way through editors.

Strategies of Hypothesis. A file is bytes; what it is made of stays recognisable, so that a case can be read by a human:
keys that there are, mostly, with values of the right and the wrong type, written in every way that JSON allows and in
some that it does not.
"""

from __future__ import annotations

import codecs
import json
from typing import Any, NamedTuple

from ansible_collections.dockernet.baseline.plugins.module_utils._model import daemon_key_table as table
from hypothesis import strategies as st

KEYS = sorted(table.KEYS)
FLAG_NAMES = sorted(table.FLAG_NAMES)


class Raw(NamedTuple):
    """A value that is written as it stands, whatever JSON says to it."""

    text: str


class Pairs(NamedTuple):
    """An object whose keys may stand twice."""

    members: list[tuple[str, Any]]


# ---- values ----------------------------------------------------------------------------------------------------------

NUMBERS = [
    *("0", "-0", "1", "-1", "53", "1400", "65535", "65536", "2147483648", "-9223372036854775808"),
    *("9223372036854775807", "9223372036854775808", "123456789012345678901234567890"),
    *("1.0", "1500.5", "-0.0", "1e2", "1E+3", "1e-2", "1e999", "-1e999", "1e308", "4e-400"),
    *("01", "+1", ".5", "1.", "0x10", "1_000", "NaN", "Infinity", "-Infinity", "--1", "1e"),
]
INTEGERS = [0, 1, 2, 3, 10, 68, 1280, 1400, 1500, 9000, 65535, 65536, -1]
ADDRESSES = [
    *("192.0.2.1", "127.0.0.1", "198.51.100.7", "255.255.255.255", "2001:db8::1", "::", "::1", "::ffff:192.0.2.1"),
    *("", "192.0.2", "192.0.2.256", "192.0.2.01", "192.0.2.1/24", "fe80::1%eth0", "fe80::1%", "1", " 192.0.2.1"),
    *(
        "2001:DB8::A",
        "[2001:db8::1]",
        "host-gateway",
        "\u0661\u0662\u0667.0.0.1",
        "localhost",
        "::192.0.2.1",
        "1::2::3",
    ),
]
PREFIXES = [
    *("192.0.2.1/24", "172.26.0.1/16", "192.0.2.0/24", "192.0.2.1/32", "192.0.2.1/31", "192.0.2.1/0", "192.0.2.1/33"),
    *("2001:db8::1/64", "2001:db8::/64", "fe80::1/64", "fd00::/8", "::/0", "2001:db8::1/129", "2001:db8::1/128"),
    *("192.0.2.1", "", "192.0.2.1/", "/24", "192.0.2.1/24/8", "192.0.2.1/255.255.255.0", "192.0.2.1/024", "banana"),
    *("192.0.2.01/24", "fe80::1%eth0/64", "192.0.2.1/-1", " 192.0.2.1/24", "192.0.2.1/+24", "::ffff:192.0.2.1/120"),
]
STRINGS = {
    "bridge": ["none", "br0", "docker0", ""],
    "default-cgroupns-mode": ["host", "private", "", "PRIVATE", "shareable"],
    "default-ipc-mode": ["private", "shareable", "", "host", "none", "container:x", "Private"],
    "default-runtime": ["runc", "crun", "", "io.containerd.runc.v2"],
    "default-shm-size": ["64M", "64m", "1g", "0", "", "-1", "1.5G", "64 MB", "banana", "1GiB", "1e3", ".5g", "64MX"],
    "data-root": ["/var/lib/docker", "", "docker"],
    "firewall-backend": ["iptables", "nftables", "", "IPTABLES", "none"],
    "log-driver": ["json-file", "journald", "local", "none", "", "nonsense"],
    "log-format": ["text", "json", "", "TEXT", "xml"],
    "log-level": ["debug", "info", "warn", "error", "fatal", "INFO", "", "warning", "trace", "panic", "loud"],
    "metrics-addr": ["127.0.0.1:9323", "", "9323", "host:port"],
    "min-api-version": ["1.24", "1.44", "v1.24", "", "1.99", "1"],
    "seccomp-profile": ["", "builtin", "unconfined", "/no/such/file"],
    "storage-driver": ["overlay2", "vfs", "", "nonsense"],
    "swarm-default-advertise-addr": ["192.0.2.1", "eth0", "eth0:2377", ""],
    "userland-proxy-path": ["/usr/bin/docker-proxy", "/usr/sbin/docker-proxy", "", "docker-proxy", "/no/such", "/etc"],
    "userns-remap": ["default", "nobody:nogroup", "", "a:b:c"],
    "api-cors-header": ["*", "", "http://192.0.2.1"],
    "group": ["docker", "root", "", "no-such-group"],
    "tlscacert": ["/etc/docker/ca.pem", ""],
    "bridge-accept-fwmark": ["1", "0x1/0x1", "", "x"],
}
LISTS = {
    "authorization-plugins": ["authz", ""],
    "cdi-spec-dirs": ["/etc/cdi", "", "relative"],
    "dns-opts": ["ndots:1", "", "use-vc"],
    "dns-search": ["example.com", ".", "", "a b", "-x", "exa_mple.com", "x" * 300, "\u00fcber.example", "a..b"],
    "exec-opts": ["native.cgroupdriver=systemd", "", "nonsense", "native.cgroupdriver=cgroupfs"],
    "hosts": [
        *("unix:///run/docker.sock", "fd://", "tcp://127.0.0.1:2375", "tcp://[::1]:2376", "", "127.0.0.1", ":2375"),
        *(
            "http://x",
            "npipe://x",
            "tcp://127.0.0.1:99999",
            "unix://",
            "tcp://",
            "ssh://x",
            "tcp://a:b:c",
            "/run/x.sock",
        ),
    ],
    "insecure-registries": ["192.0.2.0/24", "registry.example:5000", "http://registry.example", "", "-x", "a:b:c"],
    "labels": ["a=b", "a=c", "a", "", "=", "a=", "=b", "a=b=c", " a=b", "a b=c"],
    "node-generic-resources": ["gpu=1", "gpu=UUID1", "", "gpu", "gpu=1,fpga=2", "gpu=-1"],
    "registry-mirrors": ["https://mirror.example", "http://192.0.2.1:5000/", "", "mirror", "https://u:p@m.example/x?y"],
    "storage-opts": ["overlay2.size=1G", "", "dm.thinp=x"],
}
OBJECTS = {
    "builder": [{}, {"gc": {"enabled": True}}, {"gc": {"enabled": 1}}, {"gc": {"defaultKeepStorage": "1GB"}}, {"x": 1}],
    "features": [{}, {"buildkit": True}, {"containerd-snapshotter": False}, {"windows-dns-proxy": True}, {"x": None}],
    "default-ulimits": [
        *({}, {"nofile": {"Name": "nofile", "Hard": 64000, "Soft": 64000}}, {"nofile": {"name": "nofile", "hard": 1}}),
        *({"nofile": {"Hard": "1"}}, {"x": {}}, {"nofile": None}, {"nofile": {"Hard": -1, "Soft": 1.5}}),
    ],
    "log-opts": [{}, {"max-size": "10m"}, {"max-file": 3}, {"tag": None}, {"max-size": "10m", "icc": "no"}],
    "nri-opts": [{}, {"enable": True}, {"enable": "x"}, {"plugin-path": "/opt"}],
    "proxies": [{}, {"http-proxy": "http://u:secret@192.0.2.1"}, {"no-proxy": "x"}, {"http-proxy": 1}, {"mtu": 1}],
    "runtimes": [
        *({}, {"runc": {"path": "runc"}}, {"crun": {"path": "/usr/bin/crun", "runtimeArgs": ["--debug"]}}, {"x": {}}),
        *({"kata": {"runtimeType": "io.containerd.kata.v2", "options": {"a": 1}}}, {"x": {"path": 1}}, {"x": None}),
        *({"x": {"path": "y", "runtimeType": "z"}}, {"X": {"Path": "y", "RUNTIMEARGS": "no"}}, {"a/b": {"path": "y"}}),
    ],
    "default-network-opts": [
        *({}, {"bridge": {"com.docker.network.driver.mtu": "1400"}}, {"bridge": {"mtu": 1}}, {"bridge": None}),
        *({"macvlan": {}}, {"bridge": {"com.docker.network.driver.mtu": "banana"}}, {"bridge": {"x": None}}),
    ],
    "cluster-store-opts": [{}, {"kv": "x"}, {"kv": 1}],
}
POOL = st.fixed_dictionaries(
    {},
    optional={
        "base": st.sampled_from([*PREFIXES, "10.0.0.0/8", "172.80.0.0/16", "fd00::/48"]),
        "size": st.sampled_from([0, 8, 16, 24, 30, 32, 33, 64, 128, 129, -1, "24", None, 24.5]),
        "Base": st.just("10.10.0.0/16"),
        "SIZE": st.sampled_from([20, 24]),
        "extra": st.just(1),
    },
)
SOUND_POOL = st.sampled_from(
    [{"base": "10.0.0.0/8", "size": 24}, {"base": "172.80.0.0/16", "size": 20}, {"base": "fd00::/48", "size": 64}]
)
FLAWED_STRINGS = [
    "\ud800",
    "\udc00x",
    "\U0001f600",
    "\u2028",
    "\x7f",
    "\u00e9",
    "e\u0301",
    "",
    " ",
    "\t",
    "\0",
    "%s",
    "</script>",
]

TEXTS = st.sampled_from(FLAWED_STRINGS) | st.text(max_size=8)
ANYTHING = st.recursive(
    st.none()
    | st.booleans()
    | st.sampled_from(INTEGERS)
    | st.sampled_from(NUMBERS).map(Raw)
    | TEXTS
    | st.sampled_from(ADDRESSES + PREFIXES),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(TEXTS | st.sampled_from(KEYS), inner, max_size=2),
    max_leaves=4,
)


def _sound(name: str) -> st.SearchStrategy[Any]:
    """Values of a key's type; many, but not all of them are what dockerd can start with."""
    kind = table.KEYS[name].kind
    if kind == table.BOOLEAN:
        return st.booleans()
    if kind == table.INTEGER:
        return st.sampled_from(INTEGERS) | st.sampled_from(NUMBERS).map(Raw)
    if kind == table.ADDRESS:
        return st.sampled_from(ADDRESSES)
    if kind == table.PREFIX:
        return st.sampled_from(PREFIXES)
    if kind == table.ADDRESSES:
        return st.lists(st.sampled_from([*ADDRESSES[:8], *ADDRESSES, None]), max_size=3)
    if kind == table.STRINGS:
        return st.lists(st.sampled_from([*LISTS.get(name, ["x"]), None]), max_size=3)
    if kind == table.POOLS:
        return st.lists(SOUND_POOL | POOL, max_size=2)
    if name in OBJECTS:
        return st.sampled_from(OBJECTS[name])
    return st.sampled_from(STRINGS.get(name, ["", "x", "/x"]))


def _other_case(name: str) -> st.SearchStrategy[str]:
    return st.sampled_from([name.upper(), name.title(), name.replace("-", "_"), name + " ", name[:-1], name + "s"])


NAMES = st.sampled_from(KEYS)


@st.composite
def members(draw: st.DrawFn) -> tuple[str, Any]:
    """One key with its value."""
    name = draw(NAMES)
    kind = draw(st.integers(0, 19))
    if kind < 13:
        return name, draw(_sound(name))
    if kind < 15:
        return name, draw(ANYTHING)
    if kind == 15:
        return name, None
    if kind == 16:
        return draw(st.sampled_from(FLAG_NAMES)), draw(ANYTHING)
    if kind == 17:
        return draw(_other_case(name)), draw(_sound(name))
    if kind == 18:
        return draw(st.sampled_from(["x", "foo", "_comment", "log", "$schema"]) | TEXTS), draw(ANYTHING)
    inner = draw(NAMES)
    return draw(st.sampled_from(["x", "network", "foo", "builder", "proxies"])), {inner: draw(_sound(inner))}


def _usual(name: str) -> st.SearchStrategy[Any]:
    """Values that dockerd starts with, most of them."""
    kind = table.KEYS[name].kind
    few = {
        table.ADDRESS: st.sampled_from(["192.0.2.1", "127.0.0.1", "::1"]),
        table.ADDRESSES: st.lists(st.sampled_from(ADDRESSES[:7]), max_size=2),
        table.INTEGER: st.sampled_from([0, 1, 10, 1400, 9000]),
        table.PREFIX: st.sampled_from(["192.0.2.1/24", "172.26.0.1/16", "2001:db8::1/64", ""]),
        table.POOLS: st.lists(SOUND_POOL, max_size=2),
    }
    if kind in few:
        return few[kind]
    if kind == table.STRINGS:
        return st.lists(st.sampled_from(LISTS.get(name, ["x"])[:2]), max_size=2)
    if name in OBJECTS:
        return st.sampled_from(OBJECTS[name][:2])
    return st.sampled_from(STRINGS[name][:2]) if name in STRINGS else _sound(name)


USUAL_KEYS = [
    name for name, key in sorted(table.KEYS.items()) if key.known_to((26, 1)) and name not in ("tls", "tlsverify")
]
USUAL = {name: _usual(name) for name in USUAL_KEYS}


# ---- writing ---------------------------------------------------------------------------------------------------------


class Style(NamedTuple):
    """How somebody writes JSON."""

    gap: str = ""
    """Behind a comma and inside brackets; with a line feed in it, members stand in lines."""
    indent: str = "  "
    colon: str = ": "
    ascii_only: bool = False
    escape_first: bool = False
    """Write the first letter of each string as an escape."""


STYLES = st.builds(
    Style,
    gap=st.sampled_from(["", " ", "\n", "\r\n", "\n\n"]),
    indent=st.sampled_from(["", " ", "  ", "    ", "\t"]),
    colon=st.sampled_from([":", ": ", " : ", ":\t", " :\n"]),
    ascii_only=st.booleans(),
    escape_first=st.sampled_from([False, False, False, True]),
)


def render(value: Any, style: Style, depth: int = 0) -> str:
    """The value as JSON text in a style; half surrogates are written as escapes, since no encoding has them."""
    if isinstance(value, Raw):
        return value.text
    if isinstance(value, str):
        return _string(value, style)
    if isinstance(value, dict):
        value = Pairs(list(value.items()))
    if isinstance(value, Pairs):
        lines = [f"{_string(key, style)}{style.colon}{render(item, style, depth + 1)}" for key, item in value.members]
        return _bracketed("{", lines, "}", style, depth)
    if isinstance(value, list):
        return _bracketed("[", [render(item, style, depth + 1) for item in value], "]", style, depth)
    return json.dumps(value)


def _bracketed(opening: str, items: list[str], closing: str, style: Style, depth: int) -> str:
    if not items:
        return opening + closing
    in_lines = "\n" in style.gap
    lead = style.gap + style.indent * (depth + 1) if in_lines else ""
    end = style.gap + style.indent * depth if in_lines else style.gap
    between = "," + (lead if in_lines else style.gap)
    return opening + (lead if in_lines else style.gap) + between.join(items) + end + closing


def _string(text: str, style: Style) -> str:
    written = json.dumps(text, ensure_ascii=style.ascii_only or any("\ud800" <= sign <= "\udfff" for sign in text))
    if style.escape_first and text and text[0].isalnum() and ord(text[0]) < 128:
        written = f'"\\u{ord(text[0]):04x}{written[2:]}'
    return written


# ---- whole files -----------------------------------------------------------------------------------------------------

REAL_LIFE = [
    '{\n  "live-restore": true,\n  "userland-proxy": false\n}\n',
    '{\n    "log-driver": "json-file",\n    "log-opts": {\n        "max-size": "10m",\n    "max-file": "3"\n    }\n}\n',
    '{"bip": "172.26.0.1/16", "default-address-pools": [{"base": "172.80.0.0/16", "size": 24}], "mtu": 1450}\n',
    '{\n\t"exec-opts": ["native.cgroupdriver=systemd"],\n\t"storage-driver": "overlay2"\n}',
    '{\r\n  "dns": ["192.0.2.53", "2001:db8::53"],\r\n  "dns-search": ["example.com"],\r\n  "iptables": true\r\n}\r\n',
    '{\n  "icc": false,\n  "no-new-privileges": true,\n  "userns-remap": "default",\n  "log-level": "info"\n}\n',
    '{\n  "runtimes": {\n    "nvidia": {\n      "args": [],\n      "path": "nvidia-container-runtime"\n    }\n  }\n}\n',
    '{\n  "default-ulimits": {"nofile": {"Name": "nofile", "Hard": 64000, "Soft": 64000}}\n}\n',
    '{ "insecure-registries" : [ "registry.example:5000" ], "registry-mirrors" : [ "https://mirror.example" ] }\n',
    '{\n  "ipv6": true,\n  "fixed-cidr-v6": "2001:db8:1::/64",\n  "ip6tables": true,\n  "experimental": true\n}\n',
    '{\n  "builder": {"gc": {"enabled": true, "defaultKeepStorage": "20GB"}}, "features": {"buildkit": true}\n}\n',
    '{\n  "proxies": {"http-proxy": "http://user:secret@proxy.example:3128", "no-proxy": "localhost"}\n}\n',
    '{\n  "metrics-addr": "127.0.0.1:9323",\n  "data-root": "/srv/docker",\n  "labels": ["site=a", "rack=7"]\n}\n',
    "{}\n",
    "{}",
]
ODDITIES = [
    *("", " ", "\n", "null", " null\n", "[]", "[{}]", "true", "0", '""', '"x"', "{", "}", "{}{}", "{} x", "nul", "{},"),
    *(
        '{"a"}',
        '{"a":}',
        "{a:1}",
        "{'a':1}",
        '{"mtu" 1}',
        '{"": 1}',
        '{"": {}}',
        '{"":{"":{}}}',
        "\ufeff{}",
        "{\x00}",
        "#",
    ),
    *(
        '{"mtu": 1400}}',
        '{"mtu": 1400',
        '{"mtu": 1400,}',
        '{,"mtu": 1400}',
        "{} // end",
        "/* {} */ {}",
        "{}\x00",
        "{}\x0b",
    ),
    *(
        "\x0c{}",
        "\u00a0{}",
        "{}\u2003",
        "\u2028{}\u2029",
        "{\u00a0}",
        "\x85{}",
        "\x0b",
        "\u3000",
        "\u00a0",
        "\x1c",
        "\x1f",
    ),
]
DAMAGES = [
    *(",", ",,", "}", "{", "[", "]", ":", '"', "'", "\\", "\n", "\t", "\0", "\x1f", "\u00a0", "\ufeff", "\u2028", " "),
    *(
        "// why\n",
        "/* why */",
        "# why\n",
        "true",
        "null",
        "1",
        "e",
        ".",
        "-",
        '"x": 1,',
        ', "mtu": 1',
        "\\u",
        "\\ud800",
    ),
]


@st.composite
def documents(draw: st.DrawFn) -> str:
    """A text that begins as an object of keys that there are."""
    parts = draw(st.lists(members(), max_size=4))
    if parts and draw(st.integers(0, 9)) == 0:
        name = draw(st.sampled_from([key for key, dummy in parts]))
        again = draw(_sound(name) | ANYTHING) if name in table.KEYS else draw(ANYTHING)
        parts.insert(draw(st.integers(0, len(parts))), (name, again))
    before, after = draw(st.sampled_from([("", "\n"), ("", ""), ("\n", "\n\n"), (" \t\r\n", " ")]))
    return before + render(Pairs(parts), draw(STYLES)) + after


@st.composite
def sound_documents(draw: st.DrawFn) -> str:
    """A text that most engines start with: different keys, the usual values."""
    names = draw(st.lists(st.sampled_from(USUAL_KEYS), max_size=5, unique=True))
    parts = [(name, draw(USUAL[name])) for name in names]
    before, after = draw(st.sampled_from([("", "\n"), ("", ""), ("\n", "\n\n")]))
    return before + render(Pairs(parts), draw(STYLES)) + after


@st.composite
def deep(draw: st.DrawFn) -> str:
    """A text that is nested deeply."""
    depth = draw(st.sampled_from([2, 50, 98, 99, 100, 101, 102, 300, 9998, 9999, 10000, 10001, 20000]))
    name = draw(st.sampled_from(["features", "builder", "labels", "x", "allow-nondistributable-artifacts"]))
    opening, closing = draw(st.sampled_from([("[", "]"), ('{"a":', "}")]))
    return f'{{"{name}": {opening * depth}{"1" if opening != "[" else ""}{closing * depth}}}'


@st.composite
def damaged(draw: st.DrawFn, texts: st.SearchStrategy[str]) -> str:
    """A text in which something was lost, doubled or slipped in."""
    text = draw(texts)
    for dummy in range(draw(st.integers(1, 2))):
        at = draw(st.integers(0, len(text)))
        until = draw(st.integers(at, min(len(text), at + 3)))
        text = text[:at] + draw(st.sampled_from(["", *DAMAGES])) + text[until:]
    return text


@st.composite
def encoded(draw: st.DrawFn, texts: st.SearchStrategy[str]) -> bytes:
    """A text as bytes, mostly in UTF-8."""
    text = draw(texts)
    way = draw(st.integers(0, 39))
    if way == 0:
        return codecs.BOM_UTF8 + _utf8(text)
    if way == 1:
        return text.encode("utf-16", "replace")
    if way == 2:
        return codecs.BOM_UTF16_BE + text.encode("utf-16-be", "replace")
    if way == 3:
        return text.encode("utf-16-le", "replace")
    if way == 4:
        return text.replace("x", "\u00fc").encode("latin-1", "replace")
    if way == 5:
        return text.encode("utf-32", "replace")
    if way == 6:
        raw = bytearray(_utf8(text))
        at = draw(st.integers(0, len(raw)))
        raw[at:at] = draw(
            st.sampled_from([b"\xff", b"\xc3", b"\xed\xa0\x80", b"\xf4\x90\x80\x80", b"\xc0\x80", b"\xef\xbb\xbf"])
        )
        return bytes(raw)
    if way == 7:
        return codecs.BOM_UTF16_LE + text.encode("utf-16-le", "replace")[:-1]
    return _utf8(text)


def _utf8(text: str) -> bytes:
    return text.encode("utf-8", "replace")


TEXT_FILES = st.one_of(
    documents(),
    documents(),
    sound_documents(),
    sound_documents(),
    sound_documents(),
    st.sampled_from(REAL_LIFE),
    damaged(st.sampled_from(REAL_LIFE)),
    damaged(documents()),
    st.sampled_from(ODDITIES) | damaged(st.sampled_from(ODDITIES)) | deep(),
)
FILES = encoded(TEXT_FILES) | encoded(TEXT_FILES) | encoded(documents()) | encoded(TEXT_FILES)
"""A daemon.json, as bytes."""
