# Copyright (c) 2026, dockernet.baseline contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Private to the collection: it can change at any time.

"""Keys of daemon.json whose value in force the daemon or its default network shows."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from ansible_collections.dockernet.baseline.plugins.module_utils._model.daemon_key_values import pool_fields
from ansible_collections.dockernet.baseline.plugins.module_utils._model.dockerd_start import next_values
from ansible_collections.dockernet.baseline.plugins.module_utils._model.network import Network
from ansible_collections.dockernet.baseline.plugins.module_utils._model.snapshot import HostSnapshot

_INFO = "GET /info"
_BRIDGE = "com.docker.network.bridge."


@dataclass(frozen=True)
class Setting:
    """A value in force."""

    value: Any
    where: str

    def agrees(self, wanted: Any) -> bool:
        """Whether it is what was wanted, where nothing, an empty list and an empty text are the same."""
        return (self.value or None) == (wanted or None)


def shown_settings(snapshot: HostSnapshot) -> dict[str, Setting]:
    """Values in force by key; what nothing shows is left out."""
    settings = snapshot.engine.settings if snapshot.engine is not None else {}
    found = {key: Setting(value, _INFO) for key, value in settings.items()}
    if "registry-mirrors" in found:
        found["registry-mirrors"] = _Mirrors(settings["registry-mirrors"], _INFO)
    if "labels" in found:
        found["labels"] = _Labels(settings["labels"], _INFO)
    if snapshot.engine is not None:
        pools = [{"base": item.base, "size": item.size} for item in snapshot.engine.address_pools]
        found["default-address-pools"] = _Pools(pools, _INFO)
    default = next((network for network in snapshot.networks if network.is_default_bridge), None)
    return {**found, **(_of_default_network(snapshot, default) if default is not None else {})}


class _Mirrors(Setting):
    """dockerd ends them with a slash; what is shown has none."""

    def agrees(self, wanted: Any) -> bool:
        """Whether the same mirrors are wanted."""
        return super().agrees([str(item).rstrip("/") for item in wanted or []])


class _Labels(Setting):
    """dockerd takes them through a map, which keeps no order."""

    def agrees(self, wanted: Any) -> bool:
        """Whether the same labels are wanted."""
        return sorted(map(str, self.value or [])) == sorted(map(str, wanted or []))


class _Pools(Setting):
    """Go matches the names of fields whatever the case."""

    def agrees(self, wanted: Any) -> bool:
        """Whether the same pools are wanted, in the same order."""
        return super().agrees([pool_fields(item) for item in wanted or []])


class _Among(Setting):
    """Addresses, of which the wanted one is to be among."""

    def agrees(self, wanted: Any) -> bool:
        """Whether nothing in particular is wanted, or it is among them."""
        return not wanted or wanted in self.value


def _of_default_network(snapshot: HostSnapshot, network: Network) -> dict[str, Setting]:
    """What was written into the default network when it was made, which is at a start without containers."""
    where = f"docker network inspect {network.name}"
    options = network.options
    found: dict[str, Setting] = {}
    switches = {"icc": f"{_BRIDGE}enable_icc"}
    if next_values(snapshot).get("iptables") is not False:
        # Without rules there is no masquerading, whatever is asked for.
        switches["ip-masq"] = f"{_BRIDGE}enable_ip_masquerade"
    for key, option in switches.items():
        if options.get(option) in ("true", "false"):
            found[key] = Setting(options[option] == "true", f"{where}: {option}")
    if options.get(f"{_BRIDGE}host_binding_ipv4"):
        found["ip"] = Setting(options[f"{_BRIDGE}host_binding_ipv4"], f"{where}: {_BRIDGE}host_binding_ipv4")
    mtu = options.get("com.docker.network.driver.mtu", "")
    if mtu.isdecimal():
        found["mtu"] = Setting(int(mtu), f"{where}: com.docker.network.driver.mtu")
    link = next((item for item in snapshot.links if item.name == network.bridge), None)
    if link is not None and link.addresses:
        found["bip"] = _Among(link.addresses, f"ip address show {link.name}")
    return found
