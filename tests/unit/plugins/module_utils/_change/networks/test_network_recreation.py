# Copyright (c) 2026, dockernet.baseline contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Any network with any containers is made anew with all endpoints as before, or, whatever fails, left as it was."""

from __future__ import annotations

import contextlib
import json
import typing as t
from pathlib import Path

import pytest
from ansible_collections.dockernet.baseline.plugins.module_utils._change.journal import Journal
from ansible_collections.dockernet.baseline.plugins.module_utils._change.journal_entries import parse_record
from ansible_collections.dockernet.baseline.plugins.module_utils._change.networks import (
    network_recovery,
    network_recreation,
)
from ansible_collections.dockernet.baseline.plugins.module_utils._change.networks.network_endpoint import (
    RecordedNetworks,
    RecreationRecord,
)
from ansible_collections.dockernet.baseline.plugins.module_utils._change.networks.network_recovery import (
    Recovering,
    RecoveryPlan,
    left_halfway,
    put_back,
)
from ansible_collections.dockernet.baseline.plugins.module_utils._change.networks.network_recreation import (
    plan_on_host,
    recreate,
)
from ansible_collections.dockernet.baseline.plugins.module_utils._change.networks.network_recreation_plan import (
    Recreation,
)
from ansible_collections.dockernet.baseline.plugins.module_utils._change.plan import ChangeFailed, Outline, Refusal
from ansible_collections.dockernet.baseline.plugins.module_utils._model.codec import from_plain
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.unit.examples import examples
from tests.unit.plugins.module_utils._change.fake_engine import FakeContainer, FakeEngine

RELEASES = [(20, 10), (26, 1), (28, 5)]
SHOP = {
    "Name": "shop",
    "Driver": "bridge",
    "EnableIPv6": True,
    "IPAM": {"Driver": "default", "Options": {}, "Config": [{"Subnet": "10.9.0.0/24"}, {"Subnet": "fd00:9::/64"}]},
    "Options": {"com.docker.network.driver.mtu": "1500"},
    "Labels": {"of": "the shop"},
}
WANTED = {**SHOP, "Options": {"com.docker.network.driver.mtu": "1400"}}


def other(name: str, number: int) -> dict[str, t.Any]:
    ipam = {"Driver": "default", "Options": {}, "Config": [{"Subnet": f"10.{number}.0.0/24"}]}
    return {"Name": name, "Driver": "bridge", "IPAM": ipam, "Options": {}, "Labels": {}}


@st.composite
def hosts(draw: st.DrawFn) -> FakeEngine:
    """An engine with the network shop, others, and up to six containers, some of which came and went."""
    engine = FakeEngine(draw(st.sampled_from(RELEASES)))
    for body in (SHOP, other("aisle", 20), other("till", 21)):
        engine.create(dict(body))
    for number in range(draw(st.integers(0, 6))):
        mode = draw(st.sampled_from(["shop", "shop", "aisle", "till"]))
        running = draw(st.booleans()) or draw(st.booleans())
        who = engine.run(
            f"c{number}", mode, running=running, mac=draw(st.sampled_from(["", f"02:aa:00:00:00:{number:02x}"]))
        )
        names = [mode, *draw(st.permutations([name for name in ("aisle", "shop", "till") if name != mode]))]
        for name in names[: draw(st.integers(1, 3))]:
            engine.attach(who, name, draw(requests(name, number)))
    for container in list(engine.containers.values()):
        if draw(st.integers(0, 4)) == 0:
            del engine.containers[container.id]
    engine.calls = 0
    return engine


@st.composite
def requests(draw: st.DrawFn, network: str, number: int) -> dict[str, t.Any]:
    request: dict[str, t.Any] = {"Aliases": draw(st.lists(st.sampled_from(["db", "web"]), unique=True))}
    if network == "shop" and draw(st.integers(0, 3)) == 0:
        request["IPAMConfig"] = {"IPv4Address": f"10.9.0.{200 + number}"}
        if draw(st.booleans()):
            request["IPAMConfig"]["IPv6Address"] = f"fd00:9::{200 + number}"
    if draw(st.booleans()):
        request["Links"] = ["c0:zero"]
    if draw(st.booleans()):
        request["DriverOpts"] = {"some.option": "value"}
    return request


def planned(engine: FakeEngine, body: dict[str, t.Any] | None = None) -> Recreation:
    old = engine.inspect("shop")
    assert old is not None
    return plan_on_host(engine, old, list(engine.containers), body or WANTED, engine.release, engine)


def failure_of(engine: FakeEngine, plan: Recreation, proof: t.Callable[[str], None] = lambda network_id: None) -> str:
    """Carry it out; what it says when that fails."""
    try:
        recreate(engine, plan, proof, engine)
    except ChangeFailed as error:
        return str(error)
    return ""


@pytest.fixture(autouse=True, scope="module")
def _no_pause() -> t.Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(network_recovery, "PAUSE", 0)
        yield


@given(hosts())
@settings(max_examples=examples(15, 60), deadline=None)
def test_all_is_as_before_but_for_the_network(engine: FakeEngine) -> None:
    before = engine.state("shop")
    plan = planned(engine)
    notes = recreate(engine, plan, links=engine)
    after = engine.state("shop")
    assert notes == []
    assert after.pop("network") == WANTED
    assert before.pop("network") == SHOP
    assert after == before
    if any(who.running and "shop" in who.live for who in engine.containers.values()):
        assert plan.disruptions


@given(hosts(), st.data())
@settings(max_examples=examples(40, 150), deadline=None)
def test_one_failure_anywhere_leaves_all_as_it_was(engine: FakeEngine, data: st.DataObject) -> None:
    before = engine.state("shop")
    plan = planned(engine)
    engine.calls, engine.fail_at = 0, data.draw(st.integers(1, 60))
    engine.fail_after_work = data.draw(st.booleans())
    said = failure_of(engine, plan)
    assert engine.state("shop") == before or (said == "" and engine.state("shop")["network"] == WANTED)
    assert said == "" or "were restored" in said or "nothing was changed" in said


@given(hosts(), st.data())
@settings(max_examples=examples(25, 100), deadline=None)
def test_a_killed_run_is_taken_back_from_its_record(engine: FakeEngine, data: st.DataObject) -> None:
    before = engine.state("shop")
    plan = planned(engine)
    record = from_plain(RecreationRecord, json.loads(json.dumps(plan.record.to_plain())))
    engine.calls, engine.fail_at = 0, data.draw(st.integers(1, 60))

    class Killed(BaseException):
        pass

    def killed(number: int = 0) -> t.NoReturn:
        raise Killed

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(network_recreation, "put_back", lambda *arguments: killed())
        with contextlib.suppress(Killed, ChangeFailed):
            recreate(engine, plan, links=engine)
    engine.fail_at = None
    halfway = left_halfway(journal(record.to_plain()), engine)
    assert halfway in ([], [record])
    if halfway == []:
        assert {who.name for who in engine.containers.values() if "shop" in who.live} == {
            endpoint.name for endpoint in record.before if endpoint.network == "shop" and endpoint.runs
        }
    assert put_back(engine, record, engine) == []
    assert engine.state("shop") == before
    assert left_halfway(journal(record.to_plain()), engine) == []
    calls = engine.calls
    assert put_back(engine, record, engine) == []
    assert engine.state("shop") == before
    assert engine.calls > calls


def journal(record: dict[str, t.Any], *, ended: bool = False) -> list[RecordedNetworks]:
    """What the journal says of a run that was killed."""
    entry = {"id": "1", "event": "begin", "module": "bridge_network", "time": "then", "schema": 1}
    lines = [{**entry, "networks": [{"name": "shop", "before": {}, "after": {}, "record": record}]}]
    lines += [{**entry, "event": "done", "files": []}] if ended else []
    return parse_record("\n".join(json.dumps(line) for line in lines).encode(), "journal", RecordedNetworks).changes


def test_a_run_that_ended_left_nothing_halfway() -> None:
    engine, who = one_container()
    record = planned(engine).record
    engine.disconnect("shop", who.id)
    assert left_halfway(journal(record.to_plain()), engine) == [record]
    assert left_halfway(journal(record.to_plain(), ended=True), engine) == []
    assert left_halfway([*journal(record.to_plain()), *journal(record.to_plain(), ended=True)], engine) == []
    del engine.containers[who.id]
    assert left_halfway(journal(record.to_plain()), engine) == []


def test_the_next_run_puts_back_what_a_killed_one_left(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    engine, who = one_container()
    monkeypatch.setattr(network_recovery, "KernelLinks", lambda: engine)
    before = engine.state("shop")
    record = planned(engine).record
    killed = Journal("bridge_network", tmp_path)
    killed.begin([], networks=[{"name": "shop", "record": record.to_plain()}])
    engine.disconnect("shop", who.id)
    engine.remove("shop")

    class Wanted:
        def plan(self) -> RecoveryPlan:
            return RecoveryPlan(Outline(["what is wanted"]))

        def apply(self, plan: RecoveryPlan) -> None:
            raise AssertionError

    run = Recovering(Wanted(), engine, tmp_path)
    plan = run.plan()
    (action,) = plan.outline.actions
    assert action.startswith("restore network shop ")
    assert action.endswith(": web")
    run.apply(plan)
    assert engine.state("shop") == before
    assert run.plan().outline.actions == ["what is wanted"]


def one_container(release: tuple[int, int] = (26, 1), **request: t.Any) -> tuple[FakeEngine, FakeContainer]:
    engine = FakeEngine(release)
    engine.create(dict(SHOP))
    who = engine.run("web", "shop", ports={"80/tcp": [{"HostIp": "127.0.0.1", "HostPort": "8080"}]})
    engine.attach(who, "shop", request)
    return engine, who


def test_what_cannot_be_put_back_is_told_with_the_commands() -> None:
    engine, dummy = one_container(IPAMConfig={"IPv4Address": "10.9.0.7"}, Aliases=["www"])
    plan = planned(engine)
    engine.fail_always = "create"
    with pytest.raises(ChangeFailed) as caught:
        recreate(engine, plan, links=engine)
    said = str(caught.value)
    assert "Restoring everything failed, too" in said
    assert "docker network create --driver bridge" in said
    assert "--subnet 10.9.0.0/24 --subnet fd00:9::/64 --ipv6" in said
    assert "'--label=of=the shop' shop" in said
    assert "--ip 10.9.0.7 --alias=www shop web" in said


def test_a_container_that_ends_by_itself_in_the_middle_is_told_of(monkeypatch: pytest.MonkeyPatch) -> None:
    engine, who = one_container((28, 5))
    plan = planned(engine)

    def ended(pid: int) -> t.NoReturn:
        who.running = False
        raise ChangeFailed("no such process")

    monkeypatch.setattr(engine, "read", ended)
    notes = recreate(engine, plan, links=engine)
    (note,) = notes
    assert note.startswith("container web ended by itself ")
    assert note.endswith(" network shop")
    assert engine.state("shop")["network"] == WANTED


def test_a_container_that_joins_meanwhile_is_not_cut_off() -> None:
    engine, dummy = one_container()
    plan = planned(engine)
    late = engine.run("late", "shop")
    engine.attach(late, "shop", {})
    before = engine.state("shop")
    with pytest.raises(ChangeFailed, match=r"nothing was changed: .*late.*shop"):
        recreate(engine, plan, links=engine)
    assert engine.state("shop") == before


def test_a_proof_that_fails_takes_all_back() -> None:
    engine, dummy = one_container()
    before = engine.state("shop")

    def proof(network_id: str) -> None:
        assert engine.bodies[network_id] == WANTED
        raise ChangeFailed("the bridge is not there")

    with pytest.raises(ChangeFailed, match=r"network shop .*were restored: the bridge"):
        recreate(engine, planned(engine), proof, engine)
    assert engine.state("shop") == before


def test_who_joined_the_new_network_comes_along_when_it_is_taken_back() -> None:
    engine, dummy = one_container()

    def proof(network_id: str) -> None:
        late = engine.run("late", "shop")
        engine.attach(late, "shop", {"Aliases": ["late"]})
        raise ChangeFailed("the bridge is not there")

    assert "were restored" in failure_of(engine, planned(engine), proof)
    late = engine.state("shop")["late"]
    assert late["order"] == ["shop"]
    assert late["starts"]
    assert late["settings"]["shop"]["Aliases"][0] == "late"


def test_an_address_that_was_taken_meanwhile_is_told() -> None:
    engine, who = one_container(IPAMConfig={"IPv4Address": "10.9.0.7"})

    def proof(network_id: str) -> None:
        late = engine.run("late", "shop")
        engine.attach(late, "shop", {"IPAMConfig": {"IPv4Address": "10.9.0.7"}})

    said = failure_of(engine, planned(engine), proof)
    assert who.live["shop"].address == "10.9.0.7"
    assert "shop (Address already in use)" in said
    assert "connect --ip 10.9.0.7 shop late" in said


def test_a_fixed_address_that_does_not_fit_is_refused_and_another_is_given_anew() -> None:
    moved = {**SHOP, "IPAM": {"Driver": "default", "Options": {}, "Config": [{"Subnet": "10.10.0.0/24"}]}}
    engine, dummy = one_container(IPAMConfig={"IPv4Address": "10.9.0.7"})
    with pytest.raises(Refusal, match=r"container web .* 10\.9\.0\.7"):
        planned(engine, moved)
    engine, who = one_container()
    plan = planned(engine, moved)
    assert any("10.9.0.2 is not in " in item.how for item in plan.disruptions)
    recreate(engine, plan, links=engine)
    assert who.live["shop"].address == "10.10.0.2"
    assert who.live["shop"].mac == "02:42:0a:0a:00:02"


def test_an_address_is_made_a_fixed_one_only_where_it_would_not_come_back() -> None:
    engine, first = one_container()
    second = engine.run("db", "shop")
    engine.attach(second, "shop", {})
    del engine.containers[first.id]
    plan = planned(engine)
    recreate(engine, plan, links=engine)
    assert second.live["shop"].address == "10.9.0.3"
    assert second.settings["shop"]["IPAMConfig"]["IPv4Address"] == "10.9.0.3"
    assert any("becomes a fixed one" in item.how for item in plan.disruptions)
    engine, first = one_container()
    plan = planned(engine)
    recreate(engine, plan, links=engine)
    assert "IPAMConfig" not in first.settings["shop"]
    assert not any("becomes a fixed one" in item.how for item in plan.disruptions)
