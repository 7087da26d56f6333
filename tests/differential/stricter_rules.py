"""What we refuse although ``dockerd --validate`` does not. docs/daemon-json.md gives the reasons."""

from __future__ import annotations

import re
from dataclasses import dataclass


@dataclass(frozen=True)
class StricterRule:
    """A rule by which a file is refused that dockerd --validate lets pass."""

    pattern: str
    """A regular expression that is found in the messages of this rule, and in no other."""

    def covers(self, message: str) -> bool:
        """Whether a problem's message is one of this rule."""
        return re.search(self.pattern, message) is not None


STRICTER_RULES: dict[str, StricterRule] = {
    "prefix": StricterRule(r"^(bip|bip6|fixed-cidr|fixed-cidr-v6): "),
    "pools": StricterRule(r"^default-address-pools: "),
    "bridge-and-bip": StricterRule(r"^bridge and bip6? exclude each other"),
    "icc-without-iptables": StricterRule(r"^icc: false (needs iptables|with ipv6: true needs ip6tables)"),
    "ip6tables-experimental": StricterRule(r"^ip6tables: true needs experimental: true"),
    "ipv6-without-subnet": StricterRule(r"^ipv6: true needs fixed-cidr-v6"),
    "mirrors": StricterRule(r"^registry-mirrors: "),
    "key-twice": StricterRule(r"^the key .* stands twice, first in line \d+ and with another value"),
    "nesting": StricterRule(r"^nested more than 100 deep"),
}

# What dockerd --validate refuses for something that lies beside the file, by its words. A change is rehearsed with
# dockerd before it is written, so this is found there.
LEFT_TO_DOCKERD: dict[str, str] = {
    "files of TLS": "invalid TLS configuration",
    "program of docker-proxy": "invalid userland-proxy-path",
    "user of userns-remap": "userns-remap|User namespaces|ID mappings|/etc/sub[ug]id",
    "real-time scheduling": "daemon-scoped cpu-rt",
    "the flag of the rehearsal itself": r"validate: \(from flag: true",
    "a size written with escapes": r"invalid size: '[^']*\\\\u|ParseFloat: parsing \"[^\"]*\\\\u",
}
