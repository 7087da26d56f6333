# Copyright (c) 2026, dockernet.baseline contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Private to the collection: it can change at any time.

"""What fixed entries of neighbour tables and forwarding databases say of containers, as far as it tells them apart."""

from __future__ import annotations

from collections.abc import Hashable

from ansible_collections.dockernet.baseline.plugins.module_utils._model.snapshot import HostSnapshot
from ansible_collections.dockernet.baseline.plugins.plugin_utils.firewall.matrix.places import Places, Plug, Station


class FixedForms:
    """Forms by namespace, see PlaceForms. One that an entry misleads, or leads to, is like no other one."""

    def __init__(self, snapshot: HostSnapshot, places: Places) -> None:
        """Sort the entries by whom they are about."""
        self._forms: dict[int, list[Hashable]] = {}
        self._behind: dict[tuple[int, str], tuple[Station, Plug]] = {
            (plug.net.link.index, text.partition("/")[0]): (station, plug)
            for station in places.stations
            for plug in station.plugs
            for text in plug.inside.addresses
        }
        for entry in snapshot.neighbours:
            station, plug = self._behind.get((entry.interface, entry.address), (None, None))
            if station is not None and plug is not None:
                is_right = entry.mac == plug.inside.mac
                self._add(station, station.texts.get(entry.address) if is_right else station.number)
        for station in places.stations:
            self._add_own(station)
        self._add_led(snapshot, places)

    def _add_led(self, snapshot: HostSnapshot, places: Places) -> None:
        """Whom forwarding databases of bridges know by an entry that they did not learn."""
        led = {(link.master or link.index, item.mac) for link in snapshot.links for item in link.forwarding}
        for station in places.stations if led else ():
            if any((plug.net.link.index, plug.inside.mac) in led for plug in station.plugs):
                self._add(station, station.number)

    def of(self, station: Station) -> Hashable:
        """The form of a namespace."""
        return tuple(self._forms.get(station.number, ()))

    def _add_own(self, station: Station) -> None:
        if station.space is None:
            return
        if station.space.neighbours is None:
            self._add(station, None)
            return
        plugs = {plug.inside.index: (place, plug) for place, plug in enumerate(station.plugs)}
        for entry in station.space.neighbours:
            place, plug = plugs.get(entry.interface, (0, None))
            if plug is None:
                continue
            name = plug.net.texts.get(entry.address)
            if name is not None and entry.mac == plug.net.link.mac:
                self._add(station, (place, name))
                continue
            self._add(station, station.number)
            other = self._behind.get((plug.net.link.index, entry.address))
            if other is not None:
                self._add(other[0], other[0].number)

    def _add(self, station: Station, form: Hashable) -> None:
        self._forms.setdefault(station.number, []).append(form)
