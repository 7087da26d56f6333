# Copyright (c) 2026, dockernet.baseline contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""AnsibleModule, from which nothing leaves the host but by one way: fit to be JSON, and with secrets masked."""

from __future__ import annotations

import os
from typing import Any, NoReturn

from ansible.module_utils.basic import AnsibleModule
from ansible.module_utils.errors import AnsibleFallbackNotFound
from ansible_collections.dockernet.baseline.plugins.module_utils._model.secrets import (
    MASK,
    mask_data,
    mask_values,
    secrets_in,
)
from ansible_collections.dockernet.baseline.plugins.module_utils._model.text import encodable


class HostModule(AnsibleModule):
    """A module of this collection.

    Options with ``no_log`` are not logged. Results show them, save for the secrets in them: ``debug: true`` would
    otherwise censor every ``true``.
    """

    def __init__(self, argument_spec: dict[str, Any], **settings: Any) -> None:
        """Read the arguments; what is wrong with them ends the module."""
        if "docker_host" in argument_spec:
            # Not in the specification, which the controller reads with its own environment.
            option = {**argument_spec["docker_host"], "fallback": (_engine_of_environment,)}
            argument_spec = {**argument_spec, "docker_host": option}
        super().__init__(argument_spec=argument_spec, **settings)  # type: ignore[no-untyped-call]
        self.no_log_values = secrets_in(self.params)

    def read_timeout(self) -> int:
        """Return the option of that name, in seconds; less than one ends the module."""
        seconds: int = self.params["read_timeout"]
        if seconds < 1:
            self.fail_json(msg=f"read_timeout: expected at least one second, found {seconds}")
        return seconds

    def exit_json(self, **result: Any) -> NoReturn:
        """End with a result."""
        super().exit_json(**self.fit(result))
        raise SystemExit

    def fail_json(self, msg: str, **result: Any) -> NoReturn:
        """End with an error."""
        super().fail_json(**self.fit({"msg": msg, **result}))
        raise SystemExit(1)

    def warn(self, warning: str, **more: Any) -> None:
        """Add a warning to the result; Ansible does not look for ``no_log_values`` in those."""
        text = leaving(warning)
        for value in sorted(self.no_log_values, key=len, reverse=True):
            text = text.replace(value, MASK)
        super().warn(text, **more)

    def fit(self, result: dict[str, Any]) -> dict[str, Any]:
        """Return a result as it may leave the host; diff leaves in diff mode alone."""
        arguments = encodable(mask_values(self.params))
        wanted = {key: value for key, value in result.items() if key != "diff" or self._diff}
        return {**leaving(wanted), "invocation": {"module_args": arguments}}


def _engine_of_environment() -> str:
    value = os.environ.get("DOCKER_HOST")
    if not value:
        raise AnsibleFallbackNotFound
    return value


def leaving(data: Any) -> Any:
    """Return plain data as it may leave the host."""
    return encodable(mask_data(data))
