"""Rulesets as dockerd up to 27 makes them, of any size."""

from __future__ import annotations

from dataclasses import dataclass
from ipaddress import ip_address

PORTS_PER_NETWORK = 30


@dataclass(frozen=True)
class Published:
    """A container's port 80 at a port of the host."""

    network: int
    number: int

    @property
    def bridge(self) -> str:
        return bridge(self.network)

    @property
    def address(self) -> str:
        return f"172.{18 + self.network // 256}.{self.network % 256}.{2 + self.number % PORTS_PER_NETWORK}"

    @property
    def host_port(self) -> int:
        return 10_000 + self.number


def bridge(network: int) -> str:
    return f"br-{network:012x}"


def subnet(network: int) -> str:
    return f"172.{18 + network // 256}.{network % 256}.0/24"


def published_ports(rules: int) -> list[Published]:
    """As many as it takes for so many rules, in networks of equal size."""
    per_network = 8 + 3 * PORTS_PER_NETWORK
    count = max(1, round(rules * PORTS_PER_NETWORK / per_network))
    return [Published(number // PORTS_PER_NETWORK, number) for number in range(count)]


def save_text(ports: list[Published]) -> str:
    """What iptables-nft-save prints (layout A, userland-proxy on)."""
    networks = sorted({port.network for port in ports})
    return "".join(f"{line}\n" for line in [*_filter(networks, ports), *_nat(networks, ports)])


def rule_count(text: str) -> int:
    return text.count("\n-A ")


def number(address: str) -> int:
    return int(ip_address(address))


def _filter(networks: list[int], ports: list[Published]) -> list[str]:
    yours = ["-A FORWARD -j DOCKER-USER", "-A FORWARD -j DOCKER-ISOLATION-STAGE-1"]
    for one in map(bridge, networks):
        yours += [
            f"-A FORWARD -o {one} -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT",
            f"-A FORWARD -o {one} -j DOCKER",
            f"-A FORWARD -i {one} ! -o {one} -j ACCEPT",
            f"-A FORWARD -i {one} -o {one} -j ACCEPT",
        ]
    yours += [
        f"-A DOCKER -d {port.address}/32 ! -i {port.bridge} -o {port.bridge} -p tcp -m tcp --dport 80 -j ACCEPT"
        for port in ports
    ]
    for one in map(bridge, networks):
        yours.append(f"-A DOCKER-ISOLATION-STAGE-1 -i {one} ! -o {one} -j DOCKER-ISOLATION-STAGE-2")
    yours.append("-A DOCKER-ISOLATION-STAGE-1 -j RETURN")
    yours += [f"-A DOCKER-ISOLATION-STAGE-2 -o {bridge(network)} -j DROP" for network in networks]
    yours += ["-A DOCKER-ISOLATION-STAGE-2 -j RETURN", "-A DOCKER-USER -j RETURN"]
    chains = ("DOCKER", "DOCKER-ISOLATION-STAGE-1", "DOCKER-ISOLATION-STAGE-2", "DOCKER-USER")
    policies = [":INPUT ACCEPT [0:0]", ":FORWARD DROP [0:0]", ":OUTPUT ACCEPT [0:0]"]
    return ["*filter", *policies, *(f":{chain} - [0:0]" for chain in chains), *yours, "COMMIT"]


def _nat(networks: list[int], ports: list[Published]) -> list[str]:
    rules = [
        "-A PREROUTING -m addrtype --dst-type LOCAL -j DOCKER",
        "-A OUTPUT ! -d 127.0.0.0/8 -m addrtype --dst-type LOCAL -j DOCKER",
        *(f"-A POSTROUTING -s {subnet(network)} ! -o {bridge(network)} -j MASQUERADE" for network in networks),
    ]
    rules += [
        f"-A POSTROUTING -s {port.address}/32 -d {port.address}/32 -p tcp -m tcp --dport 80 -j MASQUERADE"
        for port in ports
    ]
    rules += [f"-A DOCKER -i {bridge(network)} -j RETURN" for network in networks]
    rules += [
        f"-A DOCKER ! -i {port.bridge} -p tcp -m tcp --dport {port.host_port}"
        f" -j DNAT --to-destination {port.address}:80"
        for port in ports
    ]
    hooks = ("PREROUTING", "INPUT", "OUTPUT", "POSTROUTING")
    return ["*nat", *(f":{hook} ACCEPT [0:0]" for hook in hooks), ":DOCKER - [0:0]", *rules, "COMMIT"]
