"""The comparison of check mode with reality sees what it must see, though a lab host seldom shows it."""

from __future__ import annotations

from typing import Any

from tests.differential.broken_hosts import broken_host
from tests.differential.predictions import prediction, unforeseen

CONFIG = "/etc/docker/daemon.json"
BEFORE = {
    f"link:{CONFIG}": "/srv/daemon.json",
    "file:/srv/daemon.json": "{}\n",
    "mode:/srv/daemon.json": "100640 0 0",
    "sysctl:net.ipv4.ip_forward": "0",
    "sysctl:net.ipv4.conf.eth0.forwarding": "0",
    "sysctl:net.ipv4.conf.eth0.rp_filter": "0",
    "hairpin:veth1": "0",
    "container:web": "one",
    "daemon:pid": "7",
}


def spoken(*diffs: tuple[str, str, str], actions: list[str] | None = None, who: str = "") -> dict[str, dict[str, Any]]:
    shown = [{"before_header": title, "before": before, "after": after} for title, before, after in diffs]
    disruptions = [{"kind": "container", "name": who, "how": "is restarted"}] if who else []
    return {"module": {"diff": shown, "actions": actions or ["something"], "disruptions": disruptions}}


FORWARD = ("running sysctls", "net.ipv4.ip_forward = 0\n", "net.ipv4.ip_forward = 1\n")
HAIRPIN = ("hairpin mode of bridge ports", "br0 veth1 web off\n", "br0 veth1 web on\n")
FILE = (CONFIG, "{}\n", '{"debug": true}\n')


def check(words: dict[str, dict[str, Any]], **after: str | None) -> list[str]:
    facts: dict[str, str] = {**BEFORE}
    for name, value in after.items():
        if value is None:
            facts.pop(NAMES[name])
        else:
            facts[NAMES[name]] = value
    return unforeseen(prediction(words, BEFORE), BEFORE, facts)


NAMES = {
    "forward": "sysctl:net.ipv4.ip_forward",
    "eth0": "sysctl:net.ipv4.conf.eth0.forwarding",
    "rp_filter": "sysctl:net.ipv4.conf.eth0.rp_filter",
    "hairpin": "hairpin:veth1",
    "config": "file:/srv/daemon.json",
    "mode": "mode:/srv/daemon.json",
    "link": f"link:{CONFIG}",
    "web": "container:web",
    "daemon": "daemon:pid",
}


def test_what_was_foretold_and_came_true_is_no_complaint() -> None:
    assert check(spoken(FORWARD, HAIRPIN, FILE), forward="1", eth0="1", hairpin="1", config='{"debug": true}\n') == []
    assert check(spoken(), forward="0") == []


def test_what_nobody_foretold_is_one() -> None:
    assert "not foretold: sysctl:net.ipv4.conf.eth0.rp_filter" in check(spoken(FORWARD), forward="1", rp_filter="1")[0]
    assert "not foretold: sysctl:net.ipv4.ip_forward" in check(spoken(), forward="1")[0]
    assert "not foretold: link:" in check(spoken(), link=None)[0]


def test_what_was_foretold_and_did_not_come_is_one() -> None:
    assert "'1', and it is '0'" in check(spoken(HAIRPIN))[0]
    (difference,) = check(spoken(FILE))
    assert "becomes '{\"debug\": true}\\n'" in difference
    assert difference.endswith(" it is '{}\\n'")


def test_a_file_keeps_its_mode() -> None:
    words = spoken(FILE)
    (difference,) = check(words, config='{"debug": true}\n', mode="100644 0 0")
    assert difference.startswith("mode:/srv/daemon.json ")
    assert " 100640 0 0 to" in difference
    assert difference.endswith(" 100644 0 0")


def test_a_restart_excuses_the_daemon_and_no_container_that_was_not_named() -> None:
    restart = spoken(actions=["restart docker.service"])
    assert check(restart, daemon="8") == []
    assert "not foretold: container:web" in check(restart, web="two")[0]
    assert check(spoken(actions=["restart docker.service"], who="web"), daemon="8", web="two") == []
    assert "not foretold: daemon:pid" in check(spoken(actions=["reload docker.service"]), daemon="8")[0]


def test_what_was_said_to_be_possible_may_come_true_and_nothing_else() -> None:
    anew = spoken(actions=["restart docker.service; it recreates network bridge (docker0) with mtu 1450"])
    name = "sysctl:net.ipv6.conf.docker0.mtu"
    before = {**BEFORE, name: "1500"}
    for value, complaints in (("1500", 0), ("1450", 0), ("1400", 1)):
        assert len(unforeseen(prediction(anew, before), before, {**before, name: value})) == complaints
    closed = {**BEFORE, "policy:ipv4 filter FORWARD": "DROP"}
    told = spoken(actions=["restart docker.service"])
    assert "not foretold: policy:ipv4 filter FORWARD" in unforeseen(prediction(told, BEFORE), BEFORE, closed)[0]
    told["module"]["warnings"] = ["Where it is off, dockerd turns it on, and closes the chain FORWARD"]
    assert unforeseen(prediction(told, BEFORE), BEFORE, closed) == []


def test_the_same_number_breaks_a_host_in_the_same_way() -> None:
    hosts = [str(broken_host(1, number)) for number in range(20)]
    assert hosts == [str(broken_host(1, number)) for number in range(20)]
    assert len(set(hosts)) == 20
