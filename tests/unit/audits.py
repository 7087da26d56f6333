"""Audits of snapshots as docker_netcheck makes them: judged as on a host, and weighed as on the controller."""

from __future__ import annotations

import datetime
from typing import Any

from ansible.module_utils.common.arg_spec import ArgumentSpecValidator
from ansible_collections.dockernet.baseline.plugins.module_utils._checks.audit import judged
from ansible_collections.dockernet.baseline.plugins.module_utils._checks.check import Settings
from ansible_collections.dockernet.baseline.plugins.module_utils._checks.examined import Examined
from ansible_collections.dockernet.baseline.plugins.module_utils._checks.options import ARGUMENT_SPEC, REQUIRED_BY
from ansible_collections.dockernet.baseline.plugins.module_utils._checks.runner import no_engine
from ansible_collections.dockernet.baseline.plugins.module_utils._model.snapshot import HostSnapshot
from ansible_collections.dockernet.baseline.plugins.plugin_utils._audit_document import document_of, weighed
from ansible_collections.dockernet.baseline.plugins.plugin_utils._policy import Policy, read_policy

TODAY = datetime.date(2026, 11, 25)


def policy_of(**given: Any) -> Policy:
    """The policy that options of the task make."""
    checked = ArgumentSpecValidator(ARGUMENT_SPEC, required_by=REQUIRED_BY).validate(given)
    assert not checked.error_messages, checked.error_messages
    return read_policy(checked.validated_parameters)


def result_of(snapshot: HostSnapshot, *, detail: str = "summary", **given: Any) -> dict[str, Any]:
    """What docker_netcheck returns of a snapshot with those options."""
    policy = policy_of(**given)
    settings = Settings(policy.userland_proxy, policy.checks, policy.exclude, policy.parameters)
    answer = {"msg": no_engine(snapshot), **judged(Examined(snapshot, settings), detail)}
    return weighed(answer, policy, "alpha", TODAY)


def audit_of(snapshot: HostSnapshot, *, detail: str = "summary", **given: Any) -> dict[str, Any]:
    """The document in that result."""
    return document_of(result_of(snapshot, detail=detail, **given))


def waiver(**changes: Any) -> dict[str, Any]:
    """An entry of the option waivers; None leaves a key out."""
    entry = {"check": "*", "reason": "known", "owner": "ops", "expires": "2026-12-31", **changes}
    return {name: value for name, value in entry.items() if value is not None}
