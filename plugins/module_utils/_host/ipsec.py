# Copyright (c) 2026, dockernet.baseline contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""IPsec policies by netlink (linux/xfrm.h), for which pyroute2 of Debian 11 has no word. It takes CAP_NET_ADMIN."""

from __future__ import annotations

import errno
import socket
import struct
from collections.abc import Iterator
from typing import Optional

from ansible_collections.dockernet.baseline.plugins.module_utils._host.netlink import (
    XFRM,
    Netlink,
    address,
    attributes,
    u32,
)
from ansible_collections.dockernet.baseline.plugins.module_utils._host.sysctls import read_switched_on
from ansible_collections.dockernet.baseline.plugins.module_utils._model.kernel import (
    ALLOW,
    BLOCK,
    FORWARDED,
    IN,
    OUT,
    Ipsec,
    IpsecPolicy,
    IpsecTemplate,
)
from ansible_collections.dockernet.baseline.plugins.module_utils._model.unread import (
    ERROR,
    UnreadableError,
    from_os_error,
)

# linux/xfrm.h
_XFRM_MSG_GETPOLICY = 0x15
_XFRM_MSG_GETDEFAULT = 0x28
_XFRMA_TMPL = 5
_XFRMA_MARK = 21
_XFRMA_IF_ID = 31
# Those from 3 on are policies of single sockets, as daemons of IKE give them to their own.
_DIRECTIONS = {0: IN, 1: OUT, 2: FORWARDED}
_XFRM_POLICY_BLOCK = 1
_XFRM_POLICY_ICMP = 2
_XFRM_USERPOLICY_BLOCK = 1
_MODES = ("transport", "tunnel", "ro", "in_trigger", "beet", "iptfs")
_FAMILIES = {socket.AF_INET: 4, socket.AF_INET6: 6}

# struct xfrm_selector: destination, source, each with four bytes for its port and that one's mask, family, two prefix
# lengths, protocol, link, user. Ports are in network byte order.
_SELECTOR = "16s16s4s4sHBBB3xiI"
# struct xfrm_userpolicy_info: the selector, limits and counters of its life, priority, index, direction, action, flags.
# Its size is that of the machine (8 bytes are aligned otherwise on i386), so it is in native mode.
_POLICY = struct.Struct(f"@{_SELECTOR}96xIIBBBx0Q")
# struct xfrm_user_tmpl: the other end (id), family, own end, number, mode, whose it is, level, algorithms.
_TEMPLATE = struct.Struct("=16s8xHxx16s4xBxBx12x")
_PORT = struct.Struct(">HH")
_MARK = struct.Struct("=II")
_DEFAULTS = struct.Struct("=BBB")

# What kernels say that have no IPsec.
_WITHOUT = (errno.EPROTONOSUPPORT, errno.EAFNOSUPPORT)


def read_ipsec() -> Ipsec:
    """Return the policies of the host. Raises UnreadableError where the kernel refuses, as it does without root."""
    try:
        return ipsec_of_namespace()
    except PermissionError as error:
        raise from_os_error(error, "the IPsec policies") from error
    except OSError as error:
        raise UnreadableError(ERROR, f"the kernel did not list the IPsec policies: {error}") from error


def ipsec_of_namespace() -> Ipsec:
    """Return the policies of the namespace of this thread, none where the kernel has no IPsec. Raises OSError."""
    try:
        xfrm = Netlink(XFRM)
    except OSError as error:
        if error.errno in _WITHOUT:
            return Ipsec()
        raise
    with xfrm:
        found = [parse_policy(message) for message in xfrm.dump(_XFRM_MSG_GETPOLICY, b"")]
        blocked = _blocked(xfrm)
    policies = sorted((item for item in found if item is not None), key=lambda item: (item.priority, item.index))
    exempt = read_switched_on("disable_policy", "disable_xfrm") if policies or blocked else []
    return Ipsec(policies, blocked, exempt)


def _blocked(xfrm: Netlink) -> list[str]:
    try:
        found = _DEFAULTS.unpack_from(xfrm.ask(_XFRM_MSG_GETDEFAULT, bytes(_DEFAULTS.size)))
    except OSError as error:
        # Before 5.16 there is no such question, and nothing to ask for.
        if error.errno == errno.EINVAL:
            return []
        raise
    return [name for name, value in zip((IN, FORWARDED, OUT), found) if value == _XFRM_USERPOLICY_BLOCK]


def parse_policy(message: bytes) -> Optional[IpsecPolicy]:
    """The policy of a message of the kernel; None for one of a single socket, and of another family than IP's."""
    (
        destination, source, to_port, from_port, family, to_length, from_length, protocol, interface, dummy_user,
        priority, index, direction, action, flags,
    ) = _POLICY.unpack_from(message)  # fmt: skip
    if direction not in _DIRECTIONS or family not in _FAMILIES:
        return None
    values = attributes(message, _POLICY.size)
    mark, mask = _MARK.unpack_from(values[_XFRMA_MARK]) if _XFRMA_MARK in values else (0, 0)
    source_port, source_port_mask = _PORT.unpack(from_port)
    destination_port, destination_port_mask = _PORT.unpack(to_port)
    return IpsecPolicy(
        direction=_DIRECTIONS[direction],
        family=_FAMILIES[family],
        source=f"{_text(family, source)}/{from_length}",
        destination=f"{_text(family, destination)}/{to_length}",
        action=BLOCK if action == _XFRM_POLICY_BLOCK else ALLOW,
        priority=priority,
        index=index,
        protocol=protocol,
        source_port=source_port,
        source_port_mask=source_port_mask,
        destination_port=destination_port,
        destination_port_mask=destination_port_mask,
        interface=interface,
        mark=mark,
        mask=mask,
        if_id=u32(values.get(_XFRMA_IF_ID)) or 0,
        templates=list(_templates(values.get(_XFRMA_TMPL, b""))),
        icmp=bool(flags & _XFRM_POLICY_ICMP),
    )


def _templates(data: bytes) -> Iterator[IpsecTemplate]:
    for destination, family, source, mode, optional in _TEMPLATE.iter_unpack(data[: len(data) // 64 * 64]):
        ends = [_text(family, end) if any(end) else "" for end in (source, destination)]
        yield IpsecTemplate(_MODES[mode] if mode < len(_MODES) else str(mode), bool(optional), *ends)


def _text(family: int, value: bytes) -> str:
    return address(value[:4] if family == socket.AF_INET else value)
