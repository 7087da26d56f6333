#!/usr/bin/python
# Copyright (c) 2026, dockernet.baseline contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Its documentation is in packet_trace.yml beside it, since what is in here goes to hosts.

from __future__ import annotations

from typing import Any

from ansible_collections.dockernet.baseline.plugins.module_utils import _compile_once  # noqa: F401  # pylint: disable=unused-import
from ansible_collections.dockernet.baseline.plugins.module_utils._host.read_for_packets import read_for_packets
from ansible_collections.dockernet.baseline.plugins.module_utils._host.saved_snapshot import (
    SavedSnapshotError,
    load_saved,
)
from ansible_collections.dockernet.baseline.plugins.module_utils._host.snapshot_module import SnapshotModule
from ansible_collections.dockernet.baseline.plugins.module_utils._model.options import TRACE_SPEC
from ansible_collections.dockernet.baseline.plugins.module_utils._model.snapshot import HostSnapshot
from ansible_collections.dockernet.baseline.plugins.module_utils._model.text import safe
from ansible_collections.dockernet.baseline.plugins.module_utils._model.wire import LARGEST


def snapshot_for(wanted: dict[str, Any], seconds: int) -> HostSnapshot:
    """The snapshot of this host, or the saved one that was asked for. Raises SavedSnapshotError."""
    path = wanted["snapshot_path"]
    if path is not None:
        return load_saved(path)
    return read_for_packets(docker_host=wanted["docker_host"], seconds=seconds)


def main() -> None:
    """Run the module: read the host, or a saved snapshot. The action plugin follows the packet."""
    module = SnapshotModule(argument_spec=TRACE_SPEC, supports_check_mode=True)
    seconds = module.read_timeout()
    try:
        snapshot = snapshot_for(module.params, seconds)
    except SavedSnapshotError as error:
        module.fail_json(msg=safe(f"snapshot_path: {error}"))
    module.exit_with_snapshot(snapshot.to_json_within(LARGEST), changed=False)


if __name__ == "__main__":
    main()
