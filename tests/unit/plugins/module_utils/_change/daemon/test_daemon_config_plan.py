"""What a change of daemon.json would do, on synthetic hosts; first of all that of docker-proxy."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from ansible_collections.dockernet.baseline.plugins.module_utils._change.daemon.daemon_config_plan import (
    RELOAD,
    RESTART,
    Consent,
    DaemonFacts,
    DaemonPlan,
    Unfinished,
    plan_daemon_config,
)
from ansible_collections.dockernet.baseline.plugins.module_utils._change.daemon.daemon_effect import (
    ServiceTraits,
)
from ansible_collections.dockernet.baseline.plugins.module_utils._change.daemon.daemon_file import Goal, text_goal
from ansible_collections.dockernet.baseline.plugins.module_utils._change.daemon.daemon_keys_goal import (
    WantedKey,
    keys_goal,
    proxy_goal,
    restarting,
)
from ansible_collections.dockernet.baseline.plugins.module_utils._change.plan import FileState, Refusal
from ansible_collections.dockernet.baseline.plugins.module_utils._model.daemon_json import DaemonConfig
from ansible_collections.dockernet.baseline.plugins.module_utils._model.engine import (
    Container,
    Endpoint,
    Network,
    PublishedPort,
    ServiceUnit,
)
from ansible_collections.dockernet.baseline.plugins.module_utils._model.firewall import BootOrder, Firewall
from ansible_collections.dockernet.baseline.plugins.module_utils._model.kernel import Ruleset
from ansible_collections.dockernet.baseline.plugins.module_utils._model.snapshot import HostSnapshot

from tests.unit.plugins.module_utils._change import hosts
from tests.unit.plugins.module_utils._change.hosts import (
    BRIDGE,
    CONFIG_PATH,
    SHOP,
    unread,
    with_engine,
    with_proxy_off,
    with_sysctls,
)

OFF = proxy_goal(enabled=False)
ON = proxy_goal(enabled=True)
LIVE = '{"live-restore": true}\n'
# Published for IPv4 alone: nobody loses a way in without docker-proxy.
WEB = replace(hosts.WEB, published=hosts.WEB.published[:1])
HOST = replace(hosts.HOST, containers=[WEB])
SAFE = with_engine(HOST, live_restore=True)
EMPTY = replace(HOST, containers=[])
NONE = Consent()
DISRUPT = Consent(disruption=True)
ENABLE = Consent(live_restore=True)


def plan(host: HostSnapshot, goal: Goal, text: str | None = None, consent: Consent = NONE, **facts: Any) -> DaemonPlan:
    config = FileState(CONFIG_PATH, CONFIG_PATH, None if text is None else text.encode())
    return plan_daemon_config(host, goal, consent, DaemonFacts(config, **facts))


def refusal(host: HostSnapshot, goal: Goal, text: str | None = None, consent: Consent = NONE, **facts: Any) -> Refusal:
    with pytest.raises(Refusal) as caught:
        plan(host, goal, text, consent, **facts)
    return caught.value


def steps(found: DaemonPlan) -> list[tuple[str, str | None]]:
    return [(step.action, step.text) for step in found.steps]


def does(found: DaemonPlan) -> list[str]:
    return [step.action for step in found.steps]


def final(found: DaemonPlan) -> str | None:
    return found.steps[-1].text


# ---- nothing to do, or the file alone --------------------------------------------------------------------------------


@pytest.mark.parametrize("text", [None, "", "{}\n", '{"mtu": 1450}'])
def test_on_and_wanted_on(text: str | None) -> None:
    assert plan(HOST, ON, text).outline.actions == []


def test_off_and_wanted_off() -> None:
    assert plan(with_proxy_off(), OFF, '{"userland-proxy": false}').outline.actions == []


def test_what_a_killed_run_left_of_off_is_cleared() -> None:
    key = f"net.ipv4.conf.{BRIDGE}.route_localnet"
    found = plan(with_sysctls({key: "1"}), ON)
    assert (found.steps, [change.key for change in found.sysctls]) == ([], [key])
    assert plan(with_sysctls({key: "1"}, with_proxy_off()), OFF, '{"userland-proxy": false}').outline.actions == []


def test_a_pending_key_is_taken_back_without_a_restart() -> None:
    found = plan(HOST, ON, '{"userland-proxy": false}\n')
    assert steps(found) == [("write", "{}\n")]


def test_an_explicit_true_goes_where_it_blocks_reloads() -> None:
    text = '{"userland-proxy": true, "mtu": 1450}\n'
    assert steps(plan(HOST, ON, text)) == [("write", '{"mtu": 1450}\n')]
    assert plan(with_engine(HOST, version="20.10.24"), ON, text).outline.actions == []
    path = '{"userland-proxy": true, "userland-proxy-path": "/usr/bin/docker-proxy"}'
    assert plan(HOST, ON, path).outline.actions == []


def test_the_process_to_reload_or_end_is_told_from_a_later_one_with_its_number() -> None:
    assert HOST.daemon is not None
    running = replace(HOST, daemon=replace(HOST.daemon, start_ticks=4711))
    ended = plan(running, OFF, consent=DISRUPT)
    reloaded = plan(running, keys_goal([WantedKey("debug", value=True)]), "{}\n")
    assert (does(ended)[-1], does(reloaded)) == (RESTART, [RELOAD])
    asked = {(found.unit, found.pid, found.start_ticks) for found in (ended, reloaded)}
    assert asked == {("docker.service", HOST.daemon.pid, 4711)}


# ---- the restart -----------------------------------------------------------------------------------------------------


def test_without_live_restore_it_names_who_would_stop() -> None:
    containers = [
        WEB,
        replace(WEB, id="2" * 64, name="job", auto_remove=True),
        replace(WEB, id="3" * 64, name="db", restart_policy="unless-stopped"),
        replace(WEB, id="4" * 64, name="cron", restart_policy="on-failure"),
        replace(WEB, id="5" * 64, name="stopped", pid=None),
    ]
    refused = refusal(replace(HOST, containers=containers), OFF)
    how = {item.name: item.how for item in refused.disruptions}
    assert set(how) == {"web", "job", "db", "cron"}
    assert "stays stopped" in how["web"]
    assert "removed" in how["job"]
    assert "started again" in how["db"]
    assert "ends with an error" in how["cron"]
    assert refused.consents == [{"on_disruption": "allow"}, {"live_restore": "enabled"}]
    assert all(f"{option}: {value}" in str(refused) for item in refused.consents for option, value in item.items())


def test_with_consent_they_are_listed() -> None:
    found = plan(HOST, OFF, consent=DISRUPT)
    assert [item.label for item in found.outline.disruptions] == ["container web"]
    assert (does(found), found.kept, found.ports) == ([RESTART], [], [])
    assert "new_ports" in found.outline.results["follows"]
    assert "new_ports" not in plan(SAFE, OFF, LIVE).outline.results["follows"]


def test_no_container_runs() -> None:
    found = plan(EMPTY, OFF)
    assert steps(found) == [(RESTART, '{\n  "userland-proxy": false\n}\n')]


def test_live_restore_in_force_and_in_the_file() -> None:
    found = plan(SAFE, OFF, LIVE)
    assert (does(found), found.fallback) == ([RESTART], LIVE)
    assert found.kept == [WEB]
    assert [(port.port, port.after) for port in found.ports] == [("veth1", True)]
    assert final(found) == '{"live-restore": true, "userland-proxy": false}\n'


def test_live_restore_is_brought_in_first() -> None:
    found = plan(HOST, OFF, '{"userland-proxy": true}\n', ENABLE)
    assert (does(found), found.kept) == ([RELOAD, RESTART], [WEB])
    # An explicit true would make the reload fail.
    assert final(found) == '{"userland-proxy": false, "live-restore": true}\n'
    # Going back must not stop the containers either.
    assert found.fallback == '{"userland-proxy": true, "live-restore": true}\n'


def test_a_file_that_asks_for_live_restore_already_is_consent_to_the_reload() -> None:
    found = plan(HOST, OFF, LIVE)
    assert (does(found), found.kept, found.fallback) == ([RELOAD, RESTART], [WEB], LIVE)


def test_live_restore_in_force_but_not_at_the_next_start_is_no_proof() -> None:
    found = plan(SAFE, OFF, "{}", ENABLE)
    assert (does(found), found.kept) == ([RESTART], [WEB])
    assert final(found) == '{\n  "userland-proxy": false,\n  "live-restore": true\n}'


@pytest.mark.parametrize(
    ("host", "reason"),
    [
        (with_engine(HOST, swarm=True), "swarm"),
        (
            replace(HOST, service=ServiceUnit("systemd", "docker.service", "active", ["dockerd", "--live-restore"])),
            "command line of docker.service",
        ),
    ],
)
def test_where_live_restore_cannot_be_brought_in(host: HostSnapshot, reason: str) -> None:
    assert reason in str(refusal(host, OFF, consent=ENABLE))


def test_before_25_live_restore_does_not_save_auto_remove() -> None:
    job = replace(WEB, id="2" * 64, name="job", auto_remove=True)
    host = replace(SAFE, containers=[WEB, job])
    assert plan(host, OFF, LIVE).kept == [WEB, job]
    older = with_engine(host, version="24.0.7")
    assert [item.label for item in refusal(older, OFF, LIVE).disruptions] == ["container job"]
    found = plan(older, OFF, LIVE, DISRUPT)
    assert found.kept == [WEB]
    assert len(found.outline.disruptions) == 1


def test_a_file_ahead_of_the_daemon() -> None:
    text = '{"live-restore": true, "userland-proxy": false}'
    found = plan(SAFE, OFF, text)
    assert steps(found) == [(RESTART, text)]
    # What was in force until now is known to start.
    assert found.fallback == LIVE.strip()


def test_bound_services_are_disrupted() -> None:
    traits = ServiceTraits("process", ["shop.service"])
    assert "service shop.service" in str(refusal(SAFE, OFF, LIVE, traits=traits))


def test_a_unit_that_kills_the_shims_of_its_own_containerd() -> None:
    traits = ServiceTraits("control-group")
    assert "web" in str(refusal(SAFE, OFF, LIVE, traits=traits))
    assert SAFE.daemon is not None
    separate = replace(SAFE, daemon=replace(SAFE.daemon, argv=["dockerd", "--containerd=/run/containerd.sock"]))
    assert plan(separate, OFF, LIVE, traits=traits).kept == [WEB]


@pytest.mark.parametrize("manager", ["none", "sysvinit"])
def test_only_systemd_restarts(manager: str) -> None:
    assert "systemd" in str(refusal(replace(EMPTY, service=ServiceUnit(manager)), OFF))


def test_on_again_clears_ports_and_loopback_routing() -> None:
    links = [HOST.links[0], replace(HOST.links[1], hairpin=True)]
    host = with_sysctls({f"net.ipv4.conf.{BRIDGE}.route_localnet": "1"}, replace(with_proxy_off(SAFE), links=links))
    found = plan(host, ON, '{"live-restore": true, "userland-proxy": false}')
    assert [(port.port, port.after) for port in found.ports] == [("veth1", False)]
    assert [(change.key, change.after) for change in found.sysctls] == [(f"net.ipv4.conf.{BRIDGE}.route_localnet", "0")]


# ---- what cannot be --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "place"),
    [
        ('{\n  "mtu": 1,\n}', f"{CONFIG_PATH}:2:11:"),
        ('{"mtu": 1, "mtu": 2}', f"{CONFIG_PATH}:1:12:"),
        ('\ufeff{"mtu": 1}', f"{CONFIG_PATH}:1:1:"),
        ('{"mtu": "1"}', f"{CONFIG_PATH}:1:2:"),
        ('{"userland_proxy": false}', f"{CONFIG_PATH}:1:2:"),
        ('{"bip": "banana"}', f"{CONFIG_PATH}:1:2:"),
        ('{"x": {"userland-proxy": false}}', "inside another object"),
    ],
)
@pytest.mark.parametrize("wanted", [ON, OFF])
def test_a_broken_file_is_left_alone(text: str, place: str, wanted: Goal) -> None:
    assert place in str(refusal(HOST, wanted, text, DISRUPT))


def test_a_flag_of_the_unit() -> None:
    argv = ["/usr/sbin/dockerd", "--userland-proxy=false"]
    host = replace(EMPTY, service=ServiceUnit("systemd", "docker.service", "active", argv))
    found = plan(host, OFF)
    assert steps(found) == [(RESTART, None)]
    assert "--userland-proxy (false)" in str(refusal(host, ON))
    # A key beside it keeps dockerd from starting, even where both say the same.
    assert f"{CONFIG_PATH}:1:2:" in str(refusal(host, OFF, '{"userland-proxy": false}'))


def test_an_unknown_mode() -> None:
    assert "nothing shows" in str(refusal(replace(HOST, proxies=[], ruleset=None), OFF))


def test_br_netfilter_is_needed_from_27_4_on() -> None:
    assert does(plan(EMPTY, OFF, bridge_netfilter=False)) == [RESTART]
    newer = with_engine(EMPTY, version="28.5.2")
    assert "br_netfilter" in str(refusal(newer, OFF, bridge_netfilter=False))
    back = plan(with_proxy_off(newer), ON, '{"userland-proxy": false}', bridge_netfilter=False)
    assert does(back) == [RESTART]


def test_without_iptables_the_proxy_is_all_there_is() -> None:
    assert "iptables" in str(refusal(EMPTY, OFF, '{"iptables": false}'))
    assert does(plan(EMPTY, OFF, '{"iptables": false}', DISRUPT)) == [RESTART]


def test_rootless() -> None:
    assert "rootless" in str(refusal(with_engine(EMPTY, rootless=True), OFF))
    assert EMPTY.daemon is not None
    # What a user's program says of itself is no reason to write as root where it points.
    of_user = replace(EMPTY, daemon=replace(EMPTY.daemon, uid=65534))
    assert "runs as user 65534" in str(refusal(of_user, OFF))


def test_unread_sources() -> None:
    for source in ("engine", "service", "daemon_config", "links"):
        assert "no permission" in str(refusal(unread(source), OFF))


# ---- warnings --------------------------------------------------------------------------------------------------------


def test_other_networks_lose_published_ports_before_29() -> None:
    office = Network(id="b" * 64, name="office", driver="bridge")
    other = replace(WEB, id="2" * 64, name="pc", published=[], endpoints=[Endpoint("office", office.id)])
    host = replace(SAFE, networks=[SHOP, office], containers=[WEB, other])
    refused = refusal(host, OFF, LIVE)
    assert [item.label for item in refused.disruptions] == ["container web"]
    assert "other bridge networks (office)" in str(refused)
    assert plan(host, OFF, LIVE, DISRUPT).kept == [WEB, other]
    assert plan(with_engine(host, version="29.1.0"), OFF, LIVE).outline.disruptions == []
    # A publisher that is in all networks has no stranger to lose.
    both = replace(WEB, endpoints=[*WEB.endpoints, Endpoint("office", office.id)])
    assert plan(replace(host, containers=[both, other]), OFF, LIVE).outline.disruptions == []


def test_ipv6_clients_of_ipv4_containers() -> None:
    host = replace(SAFE, containers=[hosts.WEB])
    refused = refusal(host, OFF, LIVE)
    assert [item.label for item in refused.disruptions] == ["container web"]
    assert "[::1]" in str(refused)
    assert "live_restore: enabled" not in str(refused)
    six = replace(hosts.WEB, endpoints=[replace(hosts.WEB.endpoints[0], address6="2001:db8::2")])
    assert plan(replace(SAFE, containers=[six]), OFF, LIVE).outline.disruptions == []


TWICE = replace(WEB, published=[*WEB.published, replace(WEB.published[0], host_port=8081)])
NATIVE = '{"live-restore": true, "firewall-backend": "nftables"}\n'


def native(*containers: Container) -> HostSnapshot:
    """The host with an engine that makes its rules with nftables."""
    return with_engine(replace(SAFE, containers=list(containers)), version="29.1.5", firewall_driver="nftables")


def test_with_nftables_and_without_docker_proxy_a_port_that_is_published_twice_keeps_its_container_down() -> None:
    refused = refusal(native(TWICE), OFF, NATIVE)
    assert [item.label for item in refused.disruptions] == ["container web"]
    assert "no longer starts" in str(refused)
    assert "(80/tcp)" in str(refused)
    assert plan(native(TWICE), OFF, NATIVE, DISRUPT).outline.disruptions
    assert plan(native(TWICE), OFF, LIVE).outline.disruptions == []
    assert plan(native(WEB), OFF, NATIVE).outline.disruptions == []


def test_the_engine_counts_bindings_of_each_family_that_it_translates() -> None:
    six = [PublishedPort("tcp", 80, "::", port) for port in (8080, 8081)]
    assert "does not start" not in str(refusal(native(replace(WEB, published=six)), OFF, NATIVE))
    dual = replace(WEB, endpoints=[replace(WEB.endpoints[0], address6="2001:db8::2")])
    assert "no longer starts" in str(refusal(native(replace(dual, published=six)), OFF, NATIVE))
    assert plan(native(replace(dual, published=[*WEB.published, six[0]])), OFF, NATIVE).outline.disruptions == []


def test_nftables_that_come_into_force_without_docker_proxy_keep_it_down_as_well() -> None:
    host = with_proxy_off(with_engine(replace(SAFE, containers=[TWICE]), version="29.1.5", firewall_driver="iptables"))
    text = '{"live-restore": true, "userland-proxy": false}'
    refused = refusal(host, keys_goal([WantedKey("firewall-backend", value="nftables")]), text)
    assert "no longer starts" in str(refused)


def test_nftables_do_not_open_what_iptables_closed() -> None:
    native_rules = keys_goal([WantedKey("firewall-backend", value="nftables")])
    host = with_engine(SAFE, version="29.1.5", firewall_driver="iptables")
    refused = refusal(host, native_rules, LIVE)
    assert [item.label for item in refused.disruptions] == ["network shop"]
    assert "by IPv4: the policy of" in str(refused)
    closed = "*filter\n:FORWARD DROP [0:0]\nCOMMIT\n"
    opened = {"iptables-nft-save": closed.replace("DROP", "ACCEPT"), "ip6tables-nft-save": closed}
    host = replace(host, ruleset=Ruleset(opened))
    assert plan(host, native_rules, LIVE).outline.disruptions == []
    assert "by IPv6" in str(refusal(replace(host, networks=[replace(SHOP, ipv6=True)]), native_rules, LIVE))
    assert plan(host, keys_goal([WantedKey("firewall-backend", value="iptables")]), LIVE).outline.disruptions == []


def test_what_else_comes_into_force() -> None:
    changed = DaemonConfig(CONFIG_PATH, exists=True, values={"live-restore": True, "mtu": 9000}, mtime=5000.0)
    warnings = plan(replace(SAFE, daemon_config=changed), OFF, LIVE).outline.warnings
    assert any("(keys in it: mtu)" in text for text in warnings)


def test_the_ipv6_listener_that_stays_away() -> None:
    found = plan(with_proxy_off(SAFE), ON, '{"live-restore": true, "userland-proxy": false}')
    assert any("restarted once" in text and "web" in text for text in found.outline.warnings)


# ---- any key ---------------------------------------------------------------------------------------------------------


def wanted(name: str, value: Any) -> Goal:
    return keys_goal([WantedKey(name, value=value)])


def gone(*names: str) -> Goal:
    return keys_goal([WantedKey(name, present=False) for name in names])


def test_a_reload_needs_no_containers_consent() -> None:
    assert steps(plan(HOST, wanted("debug", value=True), "{}\n")) == [(RELOAD, '{\n  "debug": true\n}\n')]


def test_a_key_that_goes_is_written_out_for_the_reload() -> None:
    """Else its last value stayed in force."""
    assert steps(plan(HOST, gone("debug", "labels"), '{"debug": true, "labels": ["a=b"], "mtu": 1}')) == [
        (RELOAD, '{"mtu": 1, "debug": false, "labels": []}'),
        ("write", '{"mtu": 1}'),
    ]


def test_live_restore_itself_is_reloaded() -> None:
    found = plan(HOST, wanted("live-restore", value=True), '{"userland-proxy": true}')
    assert steps(found) == [(RELOAD, '{"live-restore": true}')]
    assert found.steps[0].expected == {"live-restore": True}
    off = plan(SAFE, gone("live-restore"), LIVE)
    assert steps(off) == [(RELOAD, '{\n  "live-restore": false\n}\n'), ("write", "{}\n")]
    assert plan(SAFE, wanted("live-restore", value=True), LIVE).steps == []


def test_live_restore_goes_behind_the_restart_that_it_carries_containers_over() -> None:
    host = with_proxy_off(SAFE)
    found = plan(host, text_goal(None), '{"live-restore": true, "userland-proxy": false}\n')
    assert steps(found) == [
        (RESTART, '{\n  "live-restore": true\n}\n'),
        (RELOAD, '{\n  "live-restore": false\n}\n'),
        ("write", None),
    ]
    assert found.kept == [WEB]
    assert found.outline.disruptions == []


def test_live_restore_that_is_to_go_is_brought_in_for_the_restart_alone() -> None:
    text = '{"userland-proxy": false}\n'
    assert "live_restore: enabled" in str(refusal(with_proxy_off(HOST), text_goal(None), text))
    found = plan(with_proxy_off(HOST), text_goal(None), text, ENABLE)
    assert steps(found) == [
        (RELOAD, '{\n  "live-restore": true\n}\n'),
        (RESTART, '{\n  "live-restore": true\n}\n'),
        (RELOAD, '{\n  "live-restore": false\n}\n'),
        ("write", None),
    ]
    assert found.kept == [WEB]
    assert found.outline.disruptions == []


def test_the_whole_text_comes_back_to_the_byte() -> None:
    old = '{ "userland-proxy":true }'
    found = plan(with_proxy_off(SAFE), text_goal(old), '{"live-restore": true, "userland-proxy": false}\n')
    assert does(found) == [RESTART, RELOAD, "write"]
    assert final(found) == old
    # With it in the file, the reload would fail.
    assert found.steps[1].text == '{ "live-restore":false }'


# ---- what a killed run has left --------------------------------------------------------------------------------------

LEVEL = '{"live-restore": true, "log-level": "warn"}\n'
DEBUG = '{"live-restore": true, "debug": true}\n'


def test_a_file_that_a_killed_run_wrote_takes_its_restart() -> None:
    goal = wanted("log-level", value="warn")
    assert does(plan(SAFE, goal, LEVEL)) == []
    found = plan(SAFE, goal, LEVEL, unfinished=Unfinished(unread=True, text=LIVE))
    assert steps(found) == [(RESTART, LEVEL)]
    assert found.fallback == LIVE
    assert found.fallback_name.endswith("a run that was killed")


def test_a_file_that_a_killed_run_wrote_takes_its_reload() -> None:
    goal = wanted("debug", value=True)
    assert does(plan(SAFE, goal, DEBUG)) == []
    assert does(plan(SAFE, goal, DEBUG, unfinished=Unfinished(unread=True, text=LIVE))) == [RELOAD]


def test_what_a_killed_run_wrote_for_others_is_left_to_them() -> None:
    goal = wanted("debug", value=True)
    text = '{"live-restore": true, "debug": true, "log-level": "warn"}\n'
    assert does(plan(SAFE, goal, text, unfinished=Unfinished(unread=True, text=DEBUG))) == []


def test_ports_that_a_killed_run_meant_to_set_are_set() -> None:
    off = with_proxy_off(SAFE)
    text = '{"live-restore": true, "userland-proxy": false}\n'
    assert plan(off, OFF, text).ports == []
    found = plan(off, OFF, text, unfinished=Unfinished(ported=frozenset({"web"})))
    assert [(port.container, port.after) for port in found.ports] == [("web", True)]
    assert (found.has_follow_up, found.kept, does(found)) == (True, [WEB], [])


def test_a_guard_that_a_killed_run_did_not_set_is_set_where_docker_proxy_is_what_is_wanted() -> None:
    off, text = with_proxy_off(SAFE), '{"live-restore": true, "userland-proxy": false}\n'
    firewall = Firewall({"ipv4": "/usr/sbin/iptables"}, {"ipv4": "nft"}, boot_order=BootOrder(["a"], ["b"]))
    found = plan(off, OFF, text, firewall=firewall)
    assert (does(found), found.has_follow_up, found.guard.rule) == ([], True, True)
    # The record of the run that is taken back says what becomes of it.
    assert plan(off, text_goal(text), text, firewall=firewall).outline.actions == []


# ---- what becomes of each key ----------------------------------------------------------------------------------------


def effects(found: DaemonPlan) -> dict[str, tuple[str, str]]:
    return {item.name: (item.change, item.effect) for item in found.outline.results["settings"]}


def test_keys_of_the_default_network_wait_where_containers_are_kept() -> None:
    found = plan(SAFE, wanted("mtu", value=1400), LIVE)
    assert does(found) == ["write"]
    assert effects(found) == {"mtu": ("set", "pending")}
    assert any("not effective yet: mtu" in text for text in found.outline.warnings)
    # A restart that is due all the same does not bring it in either.
    both = plan(SAFE, keys_goal([WantedKey("mtu", value=1400), WantedKey("log-level", value="warn")]), LIVE)
    assert effects(both) == {"mtu": ("set", "pending"), "log-level": ("set", "restart")}
    assert does(both) == [RESTART]


def test_keys_of_the_default_network_are_restarted_for_where_that_helps() -> None:
    empty = replace(SAFE, containers=[])
    assert effects(plan(empty, wanted("mtu", value=1400), LIVE)) == {"mtu": ("set", "restart")}
    assert does(plan(HOST, wanted("mtu", value=1400), consent=DISRUPT)) == [RESTART]
    message = str(refusal(HOST, wanted("mtu", value=1400)))
    assert "Live-restore does not help" in message
    assert effects(plan(HOST, wanted("mtu", value=1400), consent=ENABLE)) == {"mtu": ("set", "pending")}


def test_what_a_key_reaches_is_said() -> None:
    found = plan(SAFE, wanted("log-driver", value="local"), LIVE)
    assert "containers started later" in found.outline.results["settings"][0].note
    pools = [{"base": "10.9.0.0/16", "size": 24}]
    found = plan(SAFE, wanted("default-address-pools", value=pools), LIVE)
    assert "networks created later" in found.outline.results["settings"][0].note


def test_a_key_that_was_there_before_and_cannot_be_asked_for() -> None:
    text = '{"live-restore": true, "log-level": "warn"}'
    values = {"live-restore": True, "log-level": "warn"}
    for mtime, effect in ((5000.0, "unknown"), (1.0, "none")):
        host = replace(SAFE, daemon_config=DaemonConfig(CONFIG_PATH, exists=True, values=values, mtime=mtime))
        found = plan(host, wanted("log-level", value="warn"), text)
        assert (effects(found), found.outline.actions) == ({"log-level": ("unchanged", effect)}, [])


def test_what_the_daemon_reports_otherwise_is_reloaded_though_the_file_says_it() -> None:
    host = with_engine(SAFE, settings={"debug": False})
    text = '{"live-restore": true, "debug": true}'
    found = plan(host, wanted("debug", value=True), text)
    assert (steps(found), effects(found)) == ([(RELOAD, text)], {"debug": ("unchanged", "reload")})
    assert found.steps[0].expected == {"debug": True}
    assert plan(with_engine(SAFE, settings={"debug": True}), wanted("debug", value=True), text).steps == []


def test_a_failed_reload_is_taken_back_by_another() -> None:
    found = plan(HOST, wanted("debug", value=True), '{"userland-proxy": true}')
    assert [(step.action, step.text) for step in found.undo] == [
        (RELOAD, '{"debug": false}'),
        ("write", '{"userland-proxy": true}'),
    ]


# ---- what is refused -------------------------------------------------------------------------------------------------


def test_containers_are_not_left_to_a_daemon_that_does_not_know_them() -> None:
    moved = wanted("data-root", value="/srv/docker")
    assert "Stop them first" in str(refusal(SAFE, moved, LIVE, DISRUPT))
    stopped = replace(SAFE, containers=[replace(WEB, pid=None)])
    assert [item.label for item in refusal(stopped, moved, LIVE).disruptions] == ["container web"]
    assert does(plan(stopped, moved, LIVE, DISRUPT)) == [RESTART]
    assert does(plan(replace(SAFE, containers=[]), moved, LIVE)) == [RESTART]


def test_live_restore_does_not_go_with_a_swarm() -> None:
    swarm = with_engine(HOST, swarm=True)
    assert "swarm" in str(refusal(swarm, wanted("live-restore", value=True)))
    assert does(plan(swarm, wanted("debug", value=True))) == [RELOAD]


def test_a_reload_needs_no_service() -> None:
    for manager in ("none", "sysvinit"):
        host = replace(HOST, service=ServiceUnit(manager))
        found = plan(host, wanted("debug", value=True))
        assert (does(found), found.unit, found.pid) == ([RELOAD], "", 7)
        assert "systemd" in str(refusal(host, wanted("log-level", value="warn")))


def test_flags_of_the_process_that_runs_keep_it_from_reloading() -> None:
    assert HOST.daemon is not None
    host = replace(HOST, daemon=replace(HOST.daemon, argv=["dockerd", "--debug"]))
    message = str(refusal(host, wanted("debug", value=True)))
    assert "started with other flags" in message
    assert "Restart it first" in message


ANEW = restarting(keys_goal([]))


def test_a_restart_for_its_own_sake_is_proved_harmless_like_any_other() -> None:
    found = plan(SAFE, ANEW, LIVE)
    assert steps(found) == [(RESTART, LIVE)]
    (action,) = found.outline.actions
    assert action.startswith("restart docker.service; live-restore keeps 1 ")
    assert action.endswith(" containers running")
    assert found.kept == [WEB]
    assert does(plan(EMPTY, ANEW)) == [RESTART]


def test_a_restart_for_its_own_sake_asks_for_consent() -> None:
    refused = refusal(HOST, ANEW)
    assert [item.label for item in refused.disruptions] == ["container web"]
    assert "dockerd must be restarted, " in str(refused)
    assert " affect: container web " in str(refused)
    assert "live_restore: enabled" in str(refused)
    assert does(plan(HOST, ANEW, consent=DISRUPT)) == [RESTART]
    assert does(plan(HOST, ANEW, consent=ENABLE)) == [RELOAD, RESTART]
