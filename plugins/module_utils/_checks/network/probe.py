# Copyright (c) 2026, dockernet.baseline contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Private to the collection: it can change at any time.

"""Whether a packet for a container gets there."""

from __future__ import annotations

from ansible_collections.dockernet.baseline.plugins.module_utils._model.path import REQUEST, Path

ANY_PORT = 9
"""Stands for all ports: rules about single ones are the affair of who made them."""


def arrives(path: Path) -> bool:
    """Whether a request comes to a socket or to where there is none, whatever becomes of the answer."""
    return any(hop.leg == REQUEST and hop.place == "socket" for hop in path.hops)
