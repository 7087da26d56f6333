# Copyright (c) 2026, dockernet.baseline contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""A container's endpoint on a network, and the record of a network made anew: what to ask of the engine again. Pure.

What the engine keeps of an endpoint, and what becomes of it when the container is disconnected and connected again
(seen on Docker Engine 20.10.5, 20.10.24, 26.1.5 and 28.5.2):

* An address that was given out is not kept. Asking for it (IPAMConfig) makes it a fixed one, which the container asks
  for at each start from then on and does not start without. So it is only asked for where it would not be given anyway
  (network_recreation_plan.py).
* A MAC address cannot be asked for: 20.10 takes the container's own (``--mac-address``) again, others follow from the
  IPv4 address; 26.1.5 forgets the configured one; 28.5.2 does so, too, and draws the others anew. The kernel takes any.
* 20.10 adds the short id to the aliases by itself; newer engines keep that to themselves (DNSNames).
* A stopped container holds no address. One that ran before refers to the network by id, and does not start when that is
  gone (``network ... not found``), so it has to be disconnected and connected, too; one that never started refers to it
  by name, and is better left alone: it keeps its MAC address that way.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any, Optional

from ansible_collections.dockernet.baseline.plugins.module_utils._change.journal_entries import (
    NetworkRecord,
    RecordedChange,
)
from ansible_collections.dockernet.baseline.plugins.module_utils._model.codec import to_plain

FIXED = {4: "IPv4Address", 6: "IPv6Address"}


@dataclass(frozen=True)
class EndpointState:
    """One endpoint, as it is and as it is asked for."""

    container: str
    """Id of the container."""
    name: str
    network: str
    network_id: str
    endpoint_id: str
    """Empty where the container does not run."""
    config: dict[str, Any]
    """The EndpointConfig of POST /networks/ID/connect as the user had it."""
    pins: dict[str, str] = field(default_factory=dict)
    """Of IPAMConfig, besides: addresses that were given out before and would not be given again."""
    address: str = ""
    address6: str = ""
    mac: str = ""
    interface: str = ""

    @property
    def runs(self) -> bool:
        """Whether there is anything in the kernel; false for the endpoint of a stopped container."""
        return bool(self.endpoint_id)

    def address_of(self, version: int) -> str:
        """The address of a version of IP that it has, if any."""
        return self.address if version == 4 else self.address6

    def fixed(self, version: int) -> str:
        """The address of a version of IP that the user asked for, if any."""
        return str((self.config.get("IPAMConfig") or {}).get(FIXED[version]) or "")

    def pinned(self, version: int) -> EndpointState:
        """The same, asking for the address that it has."""
        return replace(self, pins={**self.pins, FIXED[version]: self.address_of(version)})

    def without_address(self, version: int) -> EndpointState:
        """The same, content with any address but a fixed one."""
        if version == 6:
            return replace(self, address6="")
        # A MAC address made from the IPv4 address would be given to the next container that gets that one.
        derived = "02:42:" + ":".join(f"{int(part):02x}" for part in self.address.split(".") if part)
        return replace(self, address="", mac="" if self.mac == derived else self.mac)

    def request(self, *, pinned: bool) -> dict[str, Any]:
        """The EndpointConfig to connect with, with or without the pins."""
        if not (pinned and self.pins):
            return self.config
        return {**self.config, "IPAMConfig": {**(self.config.get("IPAMConfig") or {}), **self.pins}}

    @property
    def text(self) -> str:
        """For people: the addresses, if there are any."""
        return " and ".join(filter(None, [self.address, self.address6]))


@dataclass(frozen=True)
class RecreationRecord:
    """All that is needed to have everything as before, or as wanted, whatever state it is in; plain data."""

    name: str
    old_id: str
    old: dict[str, Any]
    """The body that makes the network as it was; empty where there was none."""
    new: dict[str, Any]
    """The body that makes it as wanted."""
    before: list[EndpointState]
    """All endpoints that are touched, in the order in which they must be connected to be as they were."""
    after: list[EndpointState]
    """The same endpoints as they will be, in the order in which they are connected."""
    started: dict[str, str] = field(default_factory=dict)
    """When each container was started, by its id."""
    orders: dict[str, list[str]] = field(default_factory=dict)
    """By container id: its networks in the order of the interfaces."""
    gateways: dict[str, str] = field(default_factory=dict)
    """By container id: the network of the IPv4 default route."""
    ports: dict[str, dict[str, list[str]]] = field(default_factory=dict)
    """By container id: published ports, and the host's ports that they were published as."""
    added: list[EndpointState] = field(default_factory=list)
    """Endpoints that were not there before."""

    def to_plain(self) -> dict[str, Any]:
        """For the journal."""
        plain: dict[str, Any] = to_plain(self)
        return plain


@dataclass(frozen=True)
class RecordedNetwork(NetworkRecord):
    """A network in the journal, with what puts it back."""

    record: Optional[RecreationRecord] = None
    """Of a network made anew: what puts everything back that a killed run left halfway."""


@dataclass(frozen=True)
class RecordedNetworks(RecordedChange):
    """A change of networks."""

    # Only read, never added to, so a list of a narrower kind does.
    networks: list[RecordedNetwork] = field(default_factory=list)  # type: ignore[assignment]
