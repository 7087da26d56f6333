# Copyright (c) 2026, dockernet.baseline contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Private to the collection: it can change at any time.

"""Causes that are rules or policies: of whom they are, what they end, and the rule that the kernel itself names."""

from __future__ import annotations

from dataclasses import replace
from typing import NamedTuple

from ansible_collections.dockernet.baseline.plugins.module_utils._model.engine import Container
from ansible_collections.dockernet.baseline.plugins.module_utils._model.finding import Remediation
from ansible_collections.dockernet.baseline.plugins.module_utils._model.kernel_trace import DROPPED_BY_RULE
from ansible_collections.dockernet.baseline.plugins.module_utils._model.path import (
    OUTSIDE,
    PROXY_REQUEST,
    REQUEST,
    PathStep,
    address_in,
    split_end,
)
from ansible_collections.dockernet.baseline.plugins.plugin_utils.diagnosis.candidate import RULE, Candidate, upper
from ansible_collections.dockernet.baseline.plugins.plugin_utils.diagnosis.case import Case
from ansible_collections.dockernet.baseline.plugins.plugin_utils.diagnosis.diagnosis import TRACE, Evidence
from ansible_collections.dockernet.baseline.plugins.plugin_utils.diagnosis.misrouting_causes import off_path
from ansible_collections.dockernet.baseline.plugins.plugin_utils.firewall.docker_chains import (
    NATIVE_TABLE,
    USER_CHAIN,
    places_of_people,
)
from ansible_collections.dockernet.baseline.plugins.plugin_utils.firewall.ip_numbers import family_of
from ansible_collections.dockernet.baseline.plugins.plugin_utils.trace.traced_steps import RuleIndex, traced_steps

_ENDING = ("drop", "reject")
_RESTART_DOCKERD = Remediation(
    "Restart dockerd, which recreates all its rules; containers keep running only if live-restore is effective. Then "
    "find out what removed the rules",
    "daemon_config",
    {"restart": "always"},
)


def rule_stop(case: Case, step: PathStep) -> Candidate | None:
    """The cause that a dropping rule or policy is; None for any other step."""
    if not step.chain or step.action not in _ENDING:
        return None
    return next(candidate for kind in _KINDS for candidate in (kind(case, step),) if candidate is not None)


def traced_stop(case: Case) -> Candidate | None:
    """The cause that the kernel names: the rule whose verdict ended the traced packet; None where it names none."""
    seen = _traced_end(case)
    if seen is None:
        return None
    decision = case.decision
    if decision is not None and is_same_rule(decision, seen):
        # Of what was predicted more is known.
        seen = decision
    candidate = rule_stop(case, seen)
    if candidate is None:
        return None
    words = f"{upper(_place(seen))} {'rejected' if seen.action == 'reject' else 'dropped'} the packet"
    # The prediction has the rule's text already.
    text = f"{words}: {seen.rule}" if seen.rule and seen is not decision else words
    return replace(candidate, evidence=(Evidence(TRACE, text),), named=True)


def _traced_end(case: Case) -> PathStep | None:
    """The traced rule or policy that dropped the packet; None where none did."""
    trace = case.trace
    if trace is None or trace.end != DROPPED_BY_RULE:
        return None
    steps = [item.step for item in traced_steps(trace, RuleIndex(case.view.book))]
    if not steps:
        return None
    ended = [step for step in steps if step.action in _ENDING]
    # Of a legacy rule the kernel does not say the verdict: the last one of all ended the packet.
    step = ended[-1] if ended else replace(steps[-1], action="drop")
    return step if step.destination else replace(step, destination=case.packet.destination)


def is_same_rule(first: PathStep, second: PathStep) -> bool:
    """Whether two steps are about one rule, or one policy."""
    if (first.table, first.chain, _is_rule(first)) != (second.table, second.chain, _is_rule(second)):
        return False
    if first.handle is not None and second.handle is not None:
        return first.handle == second.handle
    return first.number == second.number or None in (first.number, second.number)


def _is_rule(step: PathStep) -> bool:
    """Whether it is a rule, perhaps one whose text was not read, and not a policy."""
    return bool(step.rule) or step.handle is not None


def translation(case: Case, step: PathStep, stage: str) -> Candidate | None:
    """A destination that a rule translates to where nobody is, or to another container than the one that is meant.

    What ends the request behind that is a consequence.
    """
    if step.leg != REQUEST:
        return None
    until = case.decided_at if case.decided_at is not None else len(case.path.steps)
    translating = [item for item in case.path.steps[:until] if item.action == "dnat" and item.leg == REQUEST]
    address = address_in(step.destination)
    if not translating or address_in(translating[-1].destination) != address or address in case.host_addresses:
        return None
    rule, owner = translating[-1], case.container(case.owner_of(address))
    where = f"{upper(_place(rule))} translates the destination to {rule.destination}"
    wanted = case.container(case.wanted) or case.publisher
    repair = Remediation(
        f"Remove the rule, or correct its destination{removal(rule)}. Rules of dockerd itself are recreated when the "
        "container that publishes the port restarts"
    )
    if owner is None or not owner.running:
        whose = f"container {owner.name}, which does not run" if owner is not None else "no container of this host"
        summary = f"{where}, an address of {whose}: nothing answers there"
        return Candidate("dnat_to_dead_address", summary, stage, checks=("firewall.stale",), remediation=repair)
    if wanted is not None and owner.name != wanted.name:
        summary = f"{where}, which is container {owner.name} and not {wanted.name}"
        return Candidate("dnat_to_wrong_container", summary, stage, checks=("firewall.stale",), remediation=repair)
    return None


def _translated(case: Case, step: PathStep) -> Candidate | None:
    return translation(case, step, RULE)


def _place(step: PathStep) -> str:
    """Which rule or policy, of which chain."""
    if not _is_rule(step):
        which = "the policy"
    elif step.number is not None:
        which = f"rule {step.number}"
    else:
        which = f"a rule (handle {step.handle})" if step.handle is not None else "a rule"
    return f"{which} of chain {step.chain} ({step.table})"


class _Words(NamedTuple):
    what: str
    """What is dropped."""
    way: str
    """``request`` or ``reply``, as the cause is named by."""
    where: str
    verb: str


def _words(step: PathStep) -> _Words:
    is_request = step.leg in (REQUEST, PROXY_REQUEST)
    what = {
        REQUEST: "the request",
        PROXY_REQUEST: "docker-proxy's own connection to the container",
    }.get(step.leg, "the answer")
    where = _place(step)
    return _Words(what, "request" if is_request else "reply", where, "rejects" if step.action == "reject" else "drops")


def _internal(case: Case, step: PathStep) -> Candidate | None:
    bridges = {network.bridge: network for network in case.snapshot.networks if network.internal and network.bridge}
    inside = [bridges[device] for device in (step.incoming, step.outgoing) if device in bridges]
    if not inside or not _is_of_docker(step) or step.incoming == step.outgoing:
        return None
    name = inside[0].name
    return Candidate(
        "internal_network",
        f"Network {name} is internal: dockerd's rules drop what enters or leaves it",
        RULE,
        remediation=Remediation(
            "Decide whether the container needs what is outside. If so, connect it to a network that is not internal: "
            "docker network connect NETWORK CONTAINER"
        ),
    )


def _icc(case: Case, step: PathStep) -> Candidate | None:
    network = next((item for item in case.snapshot.networks if item.bridge and item.bridge == step.incoming), None)
    if network is None or network.icc or step.incoming != step.outgoing or not _is_rule(step):
        return None
    if not set(step.fields) <= {"iif", "oif"} or step.chain == USER_CHAIN:
        return None
    return Candidate(
        "icc_off",
        f"Network {network.name} has icc=false: dockerd's rule drops what its containers send each other",
        RULE,
        checks=("network.connectivity",),
        remediation=Remediation(
            "Decide whether the two containers may talk to each other. If so, connect both to a network of their own "
            f"(docker network create): {_connects(case)}"
        ),
    )


def _of_people(case: Case, step: PathStep) -> Candidate | None:
    if not _is_rule(step) or (step.table, step.chain) not in places_of_people(case.view.book):
        return None
    words = _words(step)
    return Candidate(
        f"docker_user_drops_{words.way}",
        f"{upper(words.where)} {words.verb} {words.what}: {step.rule}",
        RULE,
        remediation=_narrow(case, step),
    )


def _narrow(case: Case, step: PathStep) -> Remediation:
    # The port of the end that asks is one of chance.
    is_request = step.leg in (REQUEST, PROXY_REQUEST)
    source = _end(case, address_in(step.source) if is_request else step.source)
    destination = _end(case, step.destination if is_request else address_in(step.destination))
    return Remediation(
        f"Decide whether {source} may reach {destination}. If so, remove the rule{removal(step)}; or insert "
        "one before it that accepts the connection" + _ESTABLISHED.get(step.leg, "")
    )


def _end(case: Case, endpoint: str) -> str:
    """An end of a packet; a machine outside that the question does not name has an address that was made up."""
    packet = case.packet
    is_made_up = packet.origin.kind == OUTSIDE and not packet.source
    return "a machine outside" if is_made_up and address_in(endpoint) == case.path.first_source else endpoint


def removal(step: PathStep) -> str:
    """The command that removes a rule, behind a colon; empty where neither its text nor a handle makes one."""
    *layout, family, table = step.table.split()
    if step.rule.startswith("-A "):
        program = ("ip6tables" if family == "ip6" else "iptables") + ("-legacy" if layout else "")
        place = [] if table == "filter" else ["-t", table]
        return f": {' '.join([program, *place, '-D', step.rule[3:]])}"
    return f": nft delete rule {family} {table} {step.chain} handle {step.handle}" if step.handle is not None else ""


_ESTABLISHED = dict.fromkeys(
    ("reply", "proxy reply"), " (answers: -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT)"
)


def _input(case: Case, step: PathStep) -> Candidate | None:
    if step.place != "input":
        return None
    port = split_end(step.destination)[1]
    proxy = next(
        (
            item
            for item in case.snapshot.proxies
            if (item.protocol, item.host_port) == (case.packet.protocol, port or case.packet.port)
        ),
        None,
    )
    words = _words(step)
    by, rule = f"{upper(words.where)} {words.verb} {words.what}", f": {step.rule}" if step.rule else ""
    if proxy is None or words.way == "reply":
        return Candidate(
            f"input_drops_{words.way}",
            f"{by} before it reaches a program of the host{rule}",
            RULE,
            remediation=_narrow(case, step),
        )
    return Candidate(
        "input_drops_proxy",
        f"{by} before it reaches docker-proxy, which serves port {proxy.host_port} on this path{rule}",
        RULE,
        checks=("firewall.publish",),
        remediation=Remediation(
            f"Accept the port before that, from containers for example: {_program(case)} -I INPUT -i "
            f"{step.incoming or 'BRIDGE'} -p {case.packet.protocol} --dport {proxy.host_port} -j ACCEPT"
        ),
    )


def _program(case: Case) -> str:
    return "ip6tables" if case.family == 6 else "iptables"


def _flushed(case: Case, step: PathStep) -> Candidate | None:
    """A policy that drops since the rules that accept before it are gone."""
    if _is_rule(step) or not case.is_flushed:
        return None
    words = _words(step)
    return Candidate(
        "rules_flushed",
        f"dockerd's rules are missing, so nothing accepts {words.what} before the policy of {step.chain} drops it",
        RULE,
        checks=("firewall.flushed",),
        remediation=_RESTART_DOCKERD,
    )


def _policy(case: Case, step: PathStep) -> Candidate | None:
    if _is_rule(step):
        return None
    words = _words(step)
    return Candidate(
        f"policy_drops_{words.way}",
        f"The policy of chain {step.chain} ({step.table}) drops {words.what}: no rule before it accepts it",
        RULE,
        checks=("firewall.egress", "firewall.publish"),
        remediation=Remediation(
            f"Accept the connection before that: {_acceptance(step)}. If dockerd's own rules are missing, restart it"
        ),
    )


def _acceptance(step: PathStep) -> str:
    """The command of a rule that accepts what a policy drops, in the chain for rules of users where that is asked."""
    source, destination = address_in(step.source), address_in(step.destination)
    family, table = step.table.split()[-2:]
    program = "ip6tables" if family_of(destination) == 6 else "iptables"
    if (table, step.chain) == ("filter", "FORWARD") and family in ("ip", "ip6"):
        return f"{program} -I {USER_CHAIN} -s {source} -d {destination} -j ACCEPT"
    words = "ip6" if family_of(destination) == 6 else "ip"
    return f"nft insert rule {family} {table} {step.chain} {words} saddr {source} {words} daddr {destination} accept"


def _isolation(case: Case, step: PathStep) -> Candidate | None:
    """A rule of dockerd's own: networks that it isolates, ports that nothing publishes."""
    if not _is_of_docker(step):
        return None
    bridges = {str(item.bridge): item.name for item in case.snapshot.networks if item.bridge}
    words = _words(step)
    coming, going = bridges.get(step.incoming, ""), bridges.get(step.outgoing, "")
    between = coming and going and coming != going
    asking, target = case.asking, case.asked
    if between or (asking is not None and target is not None and asking != target and not _shared(case)):
        return Candidate(
            "networks_isolated",
            f"dockerd isolates the networks of the two ends: {words.where} {words.verb} {words.what}",
            RULE,
            remediation=Remediation(
                "Decide whether the two containers may talk to each other. If so, connect both to one network: "
                f"docker network connect {_network_of(case, target)} {asking.name if asking else 'CONTAINER'}"
            ),
        )
    return Candidate(
        "port_not_published",
        f"Port {split_end(step.destination)[1] or 'asked'}/{case.packet.protocol} of {address_in(step.destination)} is "
        f"not published: {words.where}, of dockerd, {words.verb} {words.what}",
        RULE,
        checks=("firewall.publish",),
        remediation=Remediation("Publish the port of the container (docker run -p), and ask it at the host's address"),
    )


def _network_of(case: Case, container: Container | None) -> str:
    ids = {end.network_id for end in container.endpoints} if container is not None else set()
    return next((item.name for item in case.snapshot.networks if item.id in ids), "NETWORK")


def _connects(case: Case) -> str:
    return "; ".join(f"docker network connect NETWORK {item.name}" for item in case.ends)


def _shared(case: Case) -> bool:
    first, second = case.asking, case.asked
    if first is None or second is None:
        return False
    ids = {end.network_id for end in first.endpoints}
    return any(end.network_id in ids for end in second.endpoints)


def _rule(case: Case, step: PathStep) -> Candidate | None:
    words = _words(step)
    text = f": {step.rule}" if step.rule else ""
    return Candidate(
        f"rule_drops_{words.way}",
        f"{upper(words.where)} {words.verb} {words.what}{text}",
        RULE,
        checks=("firewall.egress", "firewall.publish"),
        remediation=_narrow(case, step),
    )


def _is_of_docker(step: PathStep) -> bool:
    native = step.table.endswith(f" {NATIVE_TABLE}")
    by_chain = step.chain.startswith("DOCKER") and step.chain != USER_CHAIN
    # Layouts up to 27 have rules for each network in FORWARD itself, releases from 28 on drops in raw.
    by_bridge = step.table.endswith(" raw") and step.chain == "PREROUTING" and "! -i br-" in step.rule
    return _is_rule(step) and (native or by_chain or by_bridge or "! -i docker0" in step.rule)


_KINDS = (off_path, _translated, _internal, _of_people, _icc, _input, _flushed, _policy, _isolation, _rule)
"""The first that knows a rule names the cause; the last knows all."""
