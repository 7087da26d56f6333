# Copyright (c) 2026, dockernet.baseline contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Our judgement of daemon.json against that of real engines; `make daemon-json` does the same with more files."""

from __future__ import annotations

import pytest

from tests.differential.daemon_json import compare, generate
from tests.differential.stricter_rules import STRICTER_RULES
from tests.differential.verdicts import BARE, ask, our_verdict, release_of, rule_of
from tests.lab.host import Host

FILES = 100
SEED = 1
ENGINES = pytest.mark.kinds("debian13", "debian13-docker28")

# Arguments: a file to start dockerd with. Prints what became of it: "started", or the daemon's last words.
START = r"""
rm -f /tmp/start.sock
dockerd -H unix:///tmp/start.sock --containerd=/run/containerd/containerd.sock --config-file "$1" >/tmp/start.log 2>&1 &
daemon=$!
while kill -0 $daemon 2>/dev/null; do
    if docker -H unix:///tmp/start.sock version >/dev/null 2>&1; then
        echo started
        kill $daemon
        break
    fi
    sleep 0.1
done
wait $daemon
"""


@pytest.mark.long
@ENGINES
def test_what_we_call_sound_dockerd_accepts_and_what_we_refuse_it_refuses_or_the_documents_say_why(
    fresh_host: Host,
) -> None:
    found, totals = compare(fresh_host, generate(FILES, SEED))
    assert found == [], "\n".join(map(str, found))
    assert totals["accepted by both"] > FILES / 10, totals
    assert totals["refused by both"] > FILES / 10, totals


@pytest.mark.long
@ENGINES
def test_dockerd_starts_with_what_a_stricter_rule_refuses_only_where_the_documents_say_so(fresh_host: Host) -> None:
    release = release_of(fresh_host.engine_version)
    fresh_host.run(["systemctl", "stop", "docker.socket", "docker.service"])
    for name, rule in STRICTER_RULES.items():
        for example in rule.examples:
            if fresh_host.kind not in example.kinds:
                continue
            raw = example.text.encode()
            ours = our_verdict(raw, release, BARE)
            assert ours, example
            assert any(rule.covers(problem.message) for problem in ours), (name, example, ours)
            assert all(rule_of(problem) for problem in ours), (example, ours)
            assert ask(fresh_host, [raw], BARE)[0].accepted, example
            fresh_host.write("/tmp/start.json", raw)
            out = fresh_host.run(["sh", "-c", START, "sh", "/tmp/start.json"], check=False).out
            assert ("started" in out) == example.starts, (example, fresh_host.read("/tmp/start.log")[-500:])
