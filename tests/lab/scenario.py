"""Workloads, written down as data: networks and containers that a test wants on a host."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from tests.lab import workload
from tests.lab.proc import wait_for

if TYPE_CHECKING:
    from tests.lab.host import Host

SERVERS_LIMIT = 120.0
IPV6_LIMIT = 120.0
"""The kernel confirms addresses when it finds time, and a busy machine has little."""
# Without a carrier, as a bridge without a running container is, an interface never comes to confirm its address.
TENTATIVE = """
for name in $(ip -6 -o address show tentative | cut -d ' ' -f 2 | sort -u); do
    [ "$(cat "/sys/class/net/$name/carrier" 2>/dev/null)" != 1 ] || echo "$name"
done
"""


@dataclass(frozen=True)
class NetworkSpec:
    """A bridge network of its own. With `ipv6_subnet` it has IPv6."""

    name: str
    subnet: str | None = None
    internal: bool = False
    options: Mapping[str, str] = field(default_factory=dict)
    ipv6_subnet: str | None = None
    driver: str = "bridge"


@dataclass(frozen=True)
class Workload:
    """A container of the workload image with an HTTP server on each port of `serve`.

    It is attached to `networks` (the default bridge when empty), or by `network_mode`: "host", "none", "bridge" or
    "container:NAME". `publish` takes what `docker run --publish` takes. `options` are further words for `docker run`.
    """

    name: str
    networks: Sequence[str] = ()
    network_mode: str = ""
    publish: Sequence[str] = ()
    restart: str = "no"
    serve: Sequence[int] = (80,)
    labels: Mapping[str, str] = field(default_factory=dict)
    rm: bool = False
    options: Sequence[str] = ()


@dataclass(frozen=True)
class Scenario:
    """Made in this order: networks, then containers as they stand."""

    networks: Sequence[NetworkSpec] = ()
    containers: Sequence[Workload] = ()


def deploy(host: Host, wanted: Scenario) -> None:
    """Make it all on the host. Raises when Docker refuses something or a server does not listen in time.

    Addresses of IPv6 are in use then: until that packets are held back, and routes are missing.
    """
    for network in wanted.networks:
        host.docker(*network_command(network))
    for container in wanted.containers:
        host.docker(*container_command(container))
        for further in container.networks[1:]:
            host.docker("network", "connect", further, container.name)
    for container in wanted.containers:
        if container.serve:
            wait_for_servers(host, container)
    with_ipv6 = {network.name for network in wanted.networks if network.ipv6_subnet}
    if with_ipv6:
        wait_for_ipv6(host, *(item.name for item in wanted.containers if with_ipv6.intersection(item.networks)))


def network_command(network: NetworkSpec) -> list[str]:
    """The words of `docker network create`."""
    return [
        *("network", "create", "--driver", network.driver),
        *(["--subnet", network.subnet] if network.subnet else []),
        *(["--internal"] if network.internal else []),
        *(["--ipv6", "--subnet", network.ipv6_subnet] if network.ipv6_subnet else []),
        *(f"--opt={key}={value}" for key, value in network.options.items()),
        network.name,
    ]


def container_command(container: Workload) -> list[str]:
    """The words of `docker run`."""
    mode = container.network_mode or (container.networks[0] if container.networks else "bridge")
    own_name = [] if mode == "host" or mode.startswith("container:") else ["--hostname", container.name]
    return [
        *("run", "--detach", "--name", container.name, "--network", mode, *own_name),
        *(["--rm"] if container.rm else ["--restart", container.restart]),
        *(f"--publish={binding}" for binding in container.publish),
        *(f"--label={key}={value}" for key, value in container.labels.items()),
        *container.options,
        workload.IMAGE,
        *("/bin/serve", *map(str, container.serve)),
    ]


def wait_for_servers(host: Host, container: Workload) -> None:
    """Until every port of the workload is open in its namespace, as the kernel's socket tables show it."""
    seen = host.container(container.name)
    wanted = set(container.serve)
    wait_for(lambda: wanted <= seen.listening(), SERVERS_LIMIT, f"the servers of {container.name} on {host.name}")


def wait_for_ipv6(host: Host, *containers: str) -> None:
    """Until duplicate address detection (RFC 4862, 5.4) is over on the host, and in these containers on it."""
    inside = [host.container(name) for name in containers]

    def is_settled() -> bool:
        waiting = any(item.net(["ip", "-6", "address", "show", "tentative"]).out.strip() for item in inside)
        return not waiting and not host.run(TENTATIVE).out

    wait_for(is_settled, IPV6_LIMIT, f"IPv6 addresses on {host.name} to be in use")
