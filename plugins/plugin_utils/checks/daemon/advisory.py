# Copyright (c) 2026, dockernet.baseline contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Private to the collection: it can change at any time.

"""Published weaknesses of this engine's networking that matter on this host."""

from __future__ import annotations

from ansible_collections.dockernet.baseline.plugins.module_utils._model.engine import Engine
from ansible_collections.dockernet.baseline.plugins.module_utils._model.finding import HIGH, Remedy
from ansible_collections.dockernet.baseline.plugins.module_utils._model.snapshot import ENGINE
from ansible_collections.dockernet.baseline.plugins.plugin_utils.checks import resources
from ansible_collections.dockernet.baseline.plugins.plugin_utils.checks.check import (
    Check,
    Verdict,
    failed,
    passed,
    unknown,
)
from ansible_collections.dockernet.baseline.plugins.plugin_utils.checks.daemon.advisories import (
    ADVISORIES,
    Advisory,
    Condition,
)
from ansible_collections.dockernet.baseline.plugins.plugin_utils.checks.examined import Examined


def _judge(examined: Examined) -> list[Verdict]:
    engine = examined.snapshot.engine
    if engine is None or engine.release == (0, 0):
        said = engine.version if engine is not None else ""
        return [unknown(resources.daemon(), f"the engine calls its release {said!r}, which is no number")]
    concerned = [(item, item.condition(examined.snapshot)) for item in ADVISORIES if item.concerns(engine.full_release)]
    verdicts = [_met(engine, item, condition) for item, condition in concerned if condition.met]
    verdicts += [_untold(engine, item, condition) for item, condition in concerned if condition.met is None]
    if verdicts:
        return verdicts
    evidence = {"version": engine.version, **{item.id: condition.shown for item, condition in concerned}}
    ids = ", ".join(item.id for item, dummy in concerned)
    words = f"has {ids}, and what that takes is not there" if concerned else "has none of the known weaknesses"
    return [passed(resources.daemon(), f"Engine {engine.version} {words}", evidence)]


def _met(engine: Engine, item: Advisory, condition: Condition) -> Verdict:
    return failed(
        resources.advisory(item.id),
        f"Engine {engine.version} is among the releases with {item.id}, and what that takes is there",
        {"version": engine.version, "mended in": item.mended_in, "condition": condition.shown},
        item.what,
        Remedy(
            f"Upgrade to a release that mended it ({item.mended_in}). A distribution can have mended it in its own "
            "package without a new release: its changelog says; if so, waive this"
        ),
    )


def _untold(engine: Engine, item: Advisory, condition: Condition) -> Verdict:
    reason = f"engine {engine.version} is among the releases with {item.id}, and it could not be told {condition.shown}"
    return unknown(resources.advisory(item.id), reason, {"version": engine.version, "mended in": item.mended_in})


CHECK = Check(
    id="daemon.advisory",
    severity=HIGH,
    title="No published weakness of this engine's networking matters here",
    rationale=(
        "A weakness counts where the host has what it takes: firewalld, a port on loopback, an internal network. Being "
        "of an old release alone is no finding."
    ),
    needs=(ENGINE,),
    judge=_judge,
)
