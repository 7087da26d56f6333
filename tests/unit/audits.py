"""Audits of snapshots as docker_netcheck makes them: judged, and weighed by a policy."""

from __future__ import annotations

import datetime
import json
from functools import cache
from pathlib import Path
from typing import Any

from ansible.module_utils.common.arg_spec import ArgumentSpecValidator
from ansible_collections.dockernet.baseline.plugins.module_utils._model.snapshot import HostSnapshot
from ansible_collections.dockernet.baseline.plugins.plugin_utils.checks.audit import judged
from ansible_collections.dockernet.baseline.plugins.plugin_utils.checks.context import AuditContext
from ansible_collections.dockernet.baseline.plugins.plugin_utils.options import AUDIT_SPEC, FULL, REQUIRED_BY
from ansible_collections.dockernet.baseline.plugins.plugin_utils.policy.policy import Policy, read_policy
from ansible_collections.dockernet.baseline.plugins.plugin_utils.report.audit_document import document_of, weighed
from jsonschema import Draft202012Validator

SCHEMA = Path(__file__).parents[2] / "docs/audit-document.schema.json"
TODAY = datetime.date(2026, 11, 25)


def policy_of(**given: Any) -> Policy:
    """The policy that options of the task make."""
    checked = ArgumentSpecValidator(AUDIT_SPEC, required_by=REQUIRED_BY).validate(given)
    assert not checked.error_messages, checked.error_messages
    return read_policy(checked.validated_parameters)


def result_of(snapshot: HostSnapshot, *, detail: str = "summary", facts: str = FULL, **given: Any) -> dict[str, Any]:
    """What docker_netcheck returns of a snapshot with those options."""
    policy = policy_of(**given)
    return weighed(judged(AuditContext(snapshot, policy.settings_on("alpha")), detail), policy, "alpha", TODAY, facts)


def audit_of(snapshot: HostSnapshot, *, detail: str = "summary", **given: Any) -> dict[str, Any]:
    """The document in that result."""
    return document_of(result_of(snapshot, detail=detail, **given))


def problems(document: dict[str, Any]) -> list[str]:
    """Where the document of an audited host is not as the schema says."""
    # As it is written to a file: keys that are no text, and values that JSON has no word for, would show.
    written = json.loads(json.dumps(document, allow_nan=False))
    return [f"{error.json_path}: {error.message}" for error in _validator().iter_errors(written)]


@cache
def _validator() -> Draft202012Validator:
    schema = json.loads(SCHEMA.read_text())
    Draft202012Validator.check_schema(schema)
    # One of two would be told to be neither, and not why.
    return Draft202012Validator(schema["$defs"]["audited"] | {"$defs": schema["$defs"]})


def waiver(**changes: Any) -> dict[str, Any]:
    """An entry of the option waivers; None leaves a key out."""
    entry = {"check": "*", "reason": "known", "owner": "ops", "expires": "2026-12-31", **changes}
    return {name: value for name, value in entry.items() if value is not None}
