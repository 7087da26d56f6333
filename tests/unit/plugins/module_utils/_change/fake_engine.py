# Copyright (c) 2026, dockernet.baseline contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Networks and containers of a Docker Engine in memory, by the rules that were seen on 20.10, 26.1 and 28.5."""

from __future__ import annotations

import ipaddress
import typing as t
from dataclasses import dataclass, field

from ansible_collections.dockernet.baseline.plugins.module_utils._change.networks.network_api import ApiProblem
from ansible_collections.dockernet.baseline.plugins.module_utils._model.kernel import Link

ID_LENGTH = 64
PEERS = 5000
"""What the other end of an interface's pair has for an index, more than it."""


@dataclass
class FakeEndpoint:
    """What is in the kernel of one."""

    id: str
    interface: str
    index: int
    address: str = ""
    address6: str = ""
    mac: str = ""
    engine_mac: str = ""


@dataclass
class FakeContainer:
    """A container: its settings by network name, and what it has in the kernel."""

    id: str
    name: str
    running: bool = True
    mode: str = ""
    mac: str = ""
    hostname: str = ""
    ports: dict[str, list[dict[str, str]]] = field(default_factory=dict)
    settings: dict[str, dict[str, t.Any]] = field(default_factory=dict)
    network_ids: dict[str, str] = field(default_factory=dict)
    live: dict[str, FakeEndpoint] = field(default_factory=dict)
    next_interface: int = 0


class FakeEngine:
    """The engine's API and the kernel behind it. fail_at: the number of the call to fail, before or after its work."""

    def __init__(self, release: tuple[int, int]) -> None:
        self.release = release
        self.bodies: dict[str, dict[str, t.Any]] = {}
        self.containers: dict[str, FakeContainer] = {}
        self.calls = 0
        self.fail_at: int | None = None
        self.fail_after_work = False
        self.fail_always: str = ""
        self.chosen: set[str] = set()
        """Networks whose subnets the engine chose itself."""
        self._serial = 0

    # what the tests do

    def run(self, name: str, network: str, *, running: bool = True, **traits: t.Any) -> FakeContainer:
        """Make a container on a network, started at least once."""
        container = FakeContainer(self._id(), name, running=running, mode=network, **traits)
        self.containers[container.id] = container
        return container

    def attach(self, container: FakeContainer, network: str, request: dict[str, t.Any]) -> None:
        """As docker run and docker network connect do."""
        self._attach(self._network(network), container, request)
        if not container.running:
            container.network_ids[network] = self._network(network)

    def state(self, network: str) -> dict[str, t.Any]:
        """All that must be as before: the network, and of each container the endpoints in the order of interfaces."""
        found: dict[str, t.Any] = {"network": self.bodies.get(self._find(network) or "")}
        for container in self.containers.values():
            placed = sorted(container.live.items(), key=lambda item: int(item[1].interface[3:]))
            found[container.name] = {
                "order": [name for name, dummy in placed],
                "live": {name: (item.address, item.address6, item.mac) for name, item in container.live.items()},
                "settings": {
                    name: {key: value for key, value in request.items() if value and key != "IPAMConfig"}
                    for name, request in container.settings.items()
                },
                "starts": all(
                    container.network_ids.get(name, key) == key
                    for name in container.settings
                    for key in [self._find(name)]
                ),
            }
        return found

    # NetworkApi

    def networks(self) -> list[dict[str, t.Any]]:
        return [self._inspect(key) for key in self.bodies]

    def inspect(self, name_or_id: str) -> dict[str, t.Any] | None:
        with self._call("inspect"):
            found = self._find(name_or_id)
            return self._inspect(found) if found else None

    def create(self, body: dict[str, t.Any]) -> str:
        with self._call(f"create {body.get('Options')}"):
            if self._find(body["Name"]):
                raise ApiProblem(f"network with name {body['Name']} already exists")
            key = self._id()
            self.bodies[key] = body
            return key

    def remove(self, network_id: str) -> None:
        with self._call("remove"):
            key = self._known(network_id)
            if any(key in container.network_ids.values() and container.running for container in self._on(key)):
                raise ApiProblem(f"network {key} has active endpoints")
            del self.bodies[key]

    def connect(self, network_id: str, container: str, endpoint: dict[str, t.Any]) -> None:
        with self._call("connect"):
            self._attach(self._known(network_id), self.containers[container], endpoint)

    def disconnect(self, network_id: str, container: str) -> None:
        with self._call("disconnect"):
            name = self.bodies[self._known(network_id)]["Name"]
            who = self.containers[container]
            if name not in who.settings or (who.running and name not in who.live):
                raise ApiProblem(f"container {container} is not connected to network {name}")
            del who.settings[name]
            who.network_ids.pop(name, None)
            who.live.pop(name, None)

    def inspect_container(self, container: str) -> dict[str, t.Any] | None:
        with self._call("inspect container"):
            found = [who for who in self.containers.values() if who.name == container or who.id.startswith(container)]
            who = self.containers.get(container) or (found[0] if found else None)
            return self._inspect_container(who) if who else None

    # ContainerLinks

    def read(self, pid: int) -> tuple[list[Link], str]:
        who = list(self.containers.values())[pid - 1]
        links = [Link(1, "lo", addresses=["127.0.0.1/8"])]
        for live in who.live.values():
            addresses = [f"{live.address}/24"] if live.address else []
            addresses += [f"{live.address6}/64"] if live.address6 else []
            peer = live.index + PEERS
            links.append(
                Link(live.index, live.interface, "veth", True, mac=live.mac, peer_index=peer, addresses=addresses)
            )
        # moby takes the network whose name comes first, of those with the same priority.
        first = min(who.live, default="")
        return links, who.live[first].interface if first else ""

    def set_mac(self, pid: int, link: Link, mac: str) -> None:
        for live in list(self.containers.values())[pid - 1].live.values():
            if live.index == link.index:
                live.mac = mac

    # its own

    def _call(self, name: str) -> _Call:
        self.calls += 1
        return _Call(self, name, self.calls == self.fail_at or bool(self.fail_always and self.fail_always in name))

    def _id(self) -> str:
        self._serial += 1
        return f"{self._serial:x}".rjust(12, "f").ljust(ID_LENGTH, "0")

    def _find(self, name_or_id: str) -> str | None:
        if name_or_id in self.bodies:
            return name_or_id
        return next((key for key, body in self.bodies.items() if body["Name"] == name_or_id), None)

    def _known(self, network_id: str) -> str:
        found = self._find(network_id)
        if found is None:
            raise ApiProblem(f"network {network_id} not found")
        return found

    def _network(self, name: str) -> str:
        return self._known(name)

    def _on(self, key: str) -> list[FakeContainer]:
        return [who for who in self.containers.values() if key in who.network_ids.values()]

    def _attach(self, key: str, who: FakeContainer, request: dict[str, t.Any]) -> None:
        name = self.bodies[key]["Name"]
        if name in who.live:
            raise ApiProblem(f"endpoint with name {who.name} already exists in network {name}")
        aliases = [*(request.get("Aliases") or [])]
        if self.release < (25, 0):
            aliases += [name for name in (who.hostname, who.id[:12]) if name and name not in aliases]
        who.settings[name] = {**request, "Aliases": aliases}
        if not who.running:
            return
        addresses = [self._address(key, version, request) for version in (4, 6)]
        mac = who.mac if self.release < (25, 0) and who.mac and who.mode == name else ""
        self._serial += 1
        derived = "02:42:" + ":".join(f"{int(part):02x}" for part in addresses[0].split(".") if part)
        drawn = f"02:99:00:00:{self._serial // 256:02x}:{self._serial % 256:02x}"
        mac = mac or (drawn if self.release >= (28, 0) else derived)
        who.live[name] = FakeEndpoint(
            self._id(), self._interface(who), self._serial, addresses[0], addresses[1], mac, mac
        )
        who.network_ids[name] = key

    def _interface(self, who: FakeContainer) -> str:
        if self.release >= (28, 0):
            taken = {live.interface for live in who.live.values()}
            return next(f"eth{number}" for number in range(100) if f"eth{number}" not in taken)
        who.next_interface += 1
        return f"eth{who.next_interface - 1}"

    def _address(self, key: str, version: int, request: dict[str, t.Any]) -> str:
        configs = self.bodies[key]["IPAM"]["Config"]
        subnets = [ipaddress.ip_network(config["Subnet"]) for config in configs]
        subnet = next((subnet for subnet in subnets if subnet.version == version), None)
        if subnet is None:
            return ""
        used = {
            live.address if version == 4 else live.address6
            for who in self._on(key)
            for live in [who.live.get(self.bodies[key]["Name"])]
            if live
        }
        wanted = (request.get("IPAMConfig") or {}).get(f"IPv{version}Address")
        if wanted and self.bodies[key]["Name"] in self.chosen:
            raise ApiProblem("user specified IP address is supported only with user configured subnets")
        if wanted:
            if wanted in used:
                raise ApiProblem("Address already in use")
            if ipaddress.ip_address(wanted) not in subnet:
                raise ApiProblem(f"Invalid address {wanted}")
            return str(wanted)
        # The first is the gateway's.
        return next(str(subnet[number]) for number in range(2, 250) if str(subnet[number]) not in used)

    def _inspect(self, key: str) -> dict[str, t.Any]:
        body = self.bodies[key]
        endpoints = {}
        for who in self._on(key):
            live = who.live.get(body["Name"])
            if live:
                endpoints[who.id] = {
                    "Name": who.name,
                    "EndpointID": live.id,
                    "IPv4Address": f"{live.address}/24" if live.address else "",
                    "IPv6Address": f"{live.address6}/64" if live.address6 else "",
                }
        return {"Id": key, "Scope": "local", "Containers": endpoints, **body}

    def _inspect_container(self, who: FakeContainer) -> dict[str, t.Any]:
        networks = {}
        for name, request in who.settings.items():
            live = who.live.get(name)
            networks[name] = {
                **request,
                "NetworkID": who.network_ids.get(name, ""),
                "EndpointID": live.id if live else "",
                "IPAddress": live.address if live else "",
                "GlobalIPv6Address": live.address6 if live else "",
                "MacAddress": live.engine_mac if live else "",
            }
        pid = list(self.containers).index(who.id) + 1
        status = "running" if who.running else "exited"
        return {
            "Id": who.id,
            "Name": f"/{who.name}",
            "State": {"Running": who.running, "Status": status, "Pid": pid, "StartedAt": "then"},
            "Config": {"MacAddress": who.mac, "Labels": {}, "Hostname": who.hostname or who.id[:12]},
            "HostConfig": {"NetworkMode": who.mode, "PortBindings": who.ports},
            "NetworkSettings": {"Networks": networks, "Ports": who.ports if who.live else {}},
        }


class _Call:
    """Fails where it shall: before the engine did anything, or after all was done, as when its answer is lost."""

    def __init__(self, engine: FakeEngine, name: str, fails: bool) -> None:
        self._engine = engine
        self._name = name
        self._fails = fails

    def __enter__(self) -> None:
        if self._fails and not self._engine.fail_after_work:
            raise ApiProblem(f"provoked before {self._name}")

    def __exit__(self, kind: object, error: object, trace: object) -> None:
        if self._fails and self._engine.fail_after_work and error is None:
            raise ApiProblem(f"provoked after {self._name}")
