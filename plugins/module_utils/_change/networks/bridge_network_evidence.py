# Copyright (c) 2026, dockernet.baseline contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""What was read of a host after its bridge networks were changed, for the controller to prove them by. Pure."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from ansible_collections.dockernet.baseline.plugins.module_utils._model.codec import DecodeError
from ansible_collections.dockernet.baseline.plugins.module_utils._model.secrets import mask_data
from ansible_collections.dockernet.baseline.plugins.module_utils._model.snapshot import (
    HostSnapshot,
    snapshot_of,
)

_SHOWN = ("Id", "Name", "Driver", "Internal", "EnableIPv4", "EnableIPv6", "IPAM", "Options")


@dataclass(frozen=True)
class NetworkNow:
    """A network that is wanted, as the engine shows it, and what was done: ``kept``, ``created`` or ``recreated``."""

    outcome: str
    network: dict[str, Any]


@dataclass(frozen=True)
class Evidence:
    """The host as it is now, and the networks to prove."""

    snapshot: HostSnapshot
    networks: Sequence[NetworkNow]

    def to_json(self) -> str:
        """As a JSON document, secrets masked."""
        shown = [
            {"outcome": item.outcome, "network": {key: item.network[key] for key in _SHOWN if key in item.network}}
            for item in self.networks
        ]
        return f'{{"networks": {json.dumps(mask_data(shown))}, "snapshot": {self.snapshot.to_json()}}}'


def load_evidence(text: str) -> Evidence:
    """Read it from its JSON document. Raises DecodeError for what is none; what a network says is not looked at."""
    try:
        data: Any = json.loads(text)
        networks = [NetworkNow(str(item["outcome"]), dict(item["network"])) for item in data["networks"]]
        names = [item.network["Name"] for item in networks]
        snapshot = data["snapshot"]
    except (ValueError, TypeError, LookupError, RecursionError) as error:
        raise DecodeError(f"not what was read of networks: {error!r}") from error
    if not all(isinstance(name, str) for name in names):
        raise DecodeError("not what was read of networks: a name is no text")
    return Evidence(snapshot_of(snapshot), networks)
