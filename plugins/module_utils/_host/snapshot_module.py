# Copyright (c) 2026, dockernet.baseline contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""A module that sends what was read of the host to the controller, which judges it."""

from __future__ import annotations

import json
from typing import Any, NoReturn

from ansible.module_utils.basic import AnsibleModule
from ansible.module_utils.common.parameters import remove_values
from ansible_collections.dockernet.baseline.plugins.module_utils._host.host_module import HostModule
from ansible_collections.dockernet.baseline.plugins.module_utils._model.secrets import MASK
from ansible_collections.dockernet.baseline.plugins.module_utils._model.wire import WIRE, TooLargeError, pack


class SnapshotModule(HostModule):
    """One that ends with a snapshot."""

    def exit_with_snapshot(self, text: str, **result: Any) -> NoReturn:
        """End with a result, and with what was read of the host for the controller: JSON with secrets masked.

        Its packed form is left as it is.
        """
        for value in self.no_log_values:
            text = text.replace(json.dumps(value)[1:-1], MASK)
        try:
            packed = pack(text)
        except TooLargeError as error:
            self.fail_json(msg=str(error))
        fit = remove_values(self.fit(result), self.no_log_values)
        self.no_log_values = set()
        AnsibleModule.exit_json(self, **fit, **{WIRE: packed})
        raise SystemExit
