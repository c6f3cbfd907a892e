"""Which addresses a feed may be fetched from: a URL, or a redirect, must not reach into our own network (SSRF).

A name is resolved once, all its addresses are judged, and the caller connects to one of these: a name that resolves
differently a moment later (DNS rebinding) leads nowhere.
"""

import socket
from ipaddress import IPv4Address, IPv6Address, IPv6Network, ip_address

from adapters.errors import NotSent, Refused

Address = IPv4Address | IPv6Address
_NAT64 = IPv6Network("64:ff9b::/96")


def addresses_of(host: str, port: int, *, trusted: bool) -> list[str]:
    """Resolve a host and give its addresses, in the resolver's order.

    ``trusted`` allows those of our own network, and loopback, but never link-local ones: cloud metadata lies there.
    Raises NotSent where there is no such host, and Refused("private_address") where one of its addresses is not allowed.
    """
    try:
        answers = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except OSError:
        raise NotSent(f"{host}: no such host", code="no_such_host") from None
    found = list(dict.fromkeys(str(answer[4][0]) for answer in answers))
    if not all(_is_allowed(ip_address(address.partition("%")[0]), trusted=trusted) for address in found):
        raise Refused(f"{host}: its address is not a public one; see trust_private_hosts", code="private_address")
    return found


def _is_allowed(address: Address, *, trusted: bool) -> bool:
    carried = _carried(address)
    if carried is not None and not _is_allowed(carried, trusted=trusted):
        return False
    if address.is_link_local or address.is_multicast or address.is_unspecified:
        return False
    # ``is_global`` knows nothing of addresses that carry others; these were judged by what they carry.
    return trusted or address.is_global or carried is not None


def _carried(address: Address) -> Address | None:
    """Unwrap an IPv4 address that travels inside an IPv6 one."""
    if not isinstance(address, IPv6Address):
        return None
    if address in _NAT64:
        return IPv4Address(int(address) & 0xFFFFFFFF)
    return address.ipv4_mapped or address.sixtofour or (address.teredo[1] if address.teredo else None)
