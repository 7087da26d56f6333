"""What we refuse although ``dockerd --validate`` does not. docs/daemon-json.md gives the reasons."""

from __future__ import annotations

import re
from dataclasses import dataclass


@dataclass(frozen=True)
class Example:
    """A file that a rule refuses, and what becomes of a dockerd that is started with it."""

    text: str
    kinds: tuple[str, ...] = ("debian13", "debian13-docker28")
    """The kinds of lab hosts on which the rule refuses it and ``dockerd --validate`` does not."""
    starts: bool = False


@dataclass(frozen=True)
class StricterRule:
    """A rule by which a file is refused that dockerd --validate lets pass."""

    pattern: str
    """A regular expression that is found in the messages of this rule, and in no other."""
    examples: tuple[Example, ...]

    def covers(self, message: str) -> bool:
        """Whether a problem's message is one of this rule."""
        return re.search(self.pattern, message) is not None


_OLD, _NEW = ("debian13",), ("debian13-docker28",)
STRICTER_RULES: dict[str, StricterRule] = {
    "prefix": StricterRule(
        r"^(bip|bip6|fixed-cidr|fixed-cidr-v6): ",
        (
            Example('{"bip": "192.0.2.1"}'),
            Example('{"bip": "192.0.2.0/24"}'),
            Example('{"bip": "2001:db8::1/64"}'),
            Example('{"fixed-cidr": "192.0.2.01/24"}'),
            Example('{"ipv6": true, "bip6": "192.0.2.1/24"}', _NEW),
        ),
    ),
    "prefix-not-read": StricterRule(r"^bip6: ", (Example('{"bip6": "192.0.2.1/24"}', _NEW, starts=True),)),
    "pools": StricterRule(
        r"^default-address-pools(:| must be)",
        (
            Example('{"default-address-pools": [{"base": "10.0.0.0/16", "size": 8}]}'),
            Example('{"default-address-pools": [{"base": "10.0.0.0/16", "size": 33}]}'),
            Example('{"default-address-pools": [{"size": 24}]}'),
        ),
    ),
    "bridge-and-bip": StricterRule(
        r"^bridge and bip6? exclude each other", (Example('{"bridge": "br0", "bip": "192.0.2.1/24"}'),)
    ),
    "icc-without-iptables": StricterRule(
        r"^icc: false (needs iptables|with ipv6: true needs ip6tables)",
        (
            Example('{"icc": false, "iptables": false}'),
            Example('{"icc": false, "ipv6": true, "ip6tables": false}', _NEW),
        ),
    ),
    "ip6tables-experimental": StricterRule(
        r"^ip6tables: true needs experimental: true", (Example('{"ip6tables": true}', _OLD),)
    ),
    "ipv6-without-subnet": StricterRule(r"^ipv6: true needs fixed-cidr-v6", (Example('{"ipv6": true}', _OLD),)),
    "mirrors": StricterRule(
        r"^registry-mirrors: ", (Example('{"registry-mirrors": ["https://user:secret@mirror.example"]}', _OLD),)
    ),
    "size": StricterRule(
        r"^default-shm-size: .* is no size", (Example('{"default-shm-size": ".5g"}', _NEW, starts=True),)
    ),
    "key-twice": StricterRule(
        r"^the key .* stands twice, first in line \d+ and with another value",
        (Example('{"mtu": 1400, "mtu": 1500}', starts=True),),
    ),
    "nesting": StricterRule(
        r"^nested more than 100 deep",
        (Example('{"builder": ' + '{"a": ' * 102 + "1" + "}" * 103, starts=True),),
    ),
}

# What dockerd --validate refuses for something that lies beside the file, by its words. A change is rehearsed with
# dockerd before it is written, so this is found there.
LEFT_TO_DOCKERD: dict[str, str] = {
    "files of TLS": "invalid TLS configuration",
    "program of docker-proxy": "invalid userland-proxy-path",
    "user of userns-remap": "userns-remap|uid lookup|User namespaces|ID mappings|/etc/sub[ug]id",
    "real-time scheduling": "daemon-scoped cpu-rt",
    "the flags of the rehearsal itself": r"(validate|config-file): \(from flag: ",
    "a size written with escapes": r"invalid size: '[^']*\\u|ParseFloat: parsing \"[^\"]*\\u",
}
