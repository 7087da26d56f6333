#!/usr/bin/python
# Copyright (c) 2026, dockernet.baseline contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Its documentation is in docker_netcheck.yml beside it, since what is in here goes to hosts.

from __future__ import annotations

import gc
import os

from ansible_collections.dockernet.baseline.plugins.module_utils import _compile_once  # noqa: F401  # pylint: disable=unused-import
from ansible_collections.dockernet.baseline.plugins.module_utils._host.read_whole import read_whole
from ansible_collections.dockernet.baseline.plugins.module_utils._host.saved_snapshot import (
    SavedSnapshotError,
    load_saved,
    save_snapshot,
)
from ansible_collections.dockernet.baseline.plugins.module_utils._host.snapshot_module import SnapshotModule
from ansible_collections.dockernet.baseline.plugins.module_utils._model.options import (
    AUDIT,
    AUDIT_SPEC,
    REQUIRED_BY,
)
from ansible_collections.dockernet.baseline.plugins.module_utils._model.snapshot import HostSnapshot, with_labels
from ansible_collections.dockernet.baseline.plugins.module_utils._model.text import safe
from ansible_collections.dockernet.baseline.plugins.module_utils._model.wire import LARGEST


def refuse_place(module: SnapshotModule, path: str) -> None:
    """Fail for a path at which no file can be written, before anything is read."""
    if not os.path.isdir(os.path.dirname(path) or "."):
        module.fail_json(msg=f"snapshot_path: there is no directory {os.path.dirname(path)}")
    if os.path.isdir(path):
        module.fail_json(msg=f"snapshot_path: {path} is a directory")


def read_host(module: SnapshotModule) -> HostSnapshot:
    """Read this host, and save what was read where that is wanted."""
    path = module.params["snapshot_path"]
    seconds = module.read_timeout()
    if path is not None:
        refuse_place(module, path)
    read = read_whole(docker_host=module.params["docker_host"], seconds=seconds)
    snapshot = with_labels(read, module.params["labels"])
    if path is not None and not module.check_mode:
        try:
            save_snapshot(snapshot, path)
        except SavedSnapshotError as error:
            module.fail_json(msg=safe(f"snapshot_path: {error}"))
    return snapshot


def read_saved(module: SnapshotModule) -> HostSnapshot:
    """Read a saved snapshot; a file that holds none fails the module."""
    try:
        return with_labels(load_saved(module.params["snapshot_path"]), module.params["labels"])
    except SavedSnapshotError as error:
        module.fail_json(msg=safe(f"snapshot_path: {error}"))


def main() -> None:
    """Run the module: read the host, or a saved snapshot. The action plugin judges."""
    module = SnapshotModule(argument_spec=AUDIT_SPEC, required_by=REQUIRED_BY, supports_check_mode=True)
    path, saved = module.params["snapshot_path"], module.params["snapshot"] == AUDIT
    # What was read lives until the end; to search it for garbage again and again takes a tenth of the time.
    gc.set_threshold(100_000, 50, 1000)
    snapshot = read_saved(module) if saved else read_host(module)
    place = {} if path is None else {"snapshot_path": path}
    module.exit_with_snapshot(snapshot.to_json_within(LARGEST), changed=path is not None and not saved, **place)


if __name__ == "__main__":
    main()
