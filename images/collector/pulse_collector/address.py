"""Who is at the other end of a request, behind how many proxies, and how much of that may be kept. Pure."""

from __future__ import annotations

from functools import lru_cache
from ipaddress import IPv4Address, IPv6Address, ip_address

_V4_BITS, _V6_BITS = 24, 48


def client_address(peer: str, forwarded_for: str, proxies: int) -> str:
    """The client's address, where the last `proxies` hops are our own and each of them added whom it saw.

    What a client writes into X-Forwarded-For itself stands further left, and is never believed.
    """
    if proxies == 0:
        return peer
    hops = [hop.strip() for hop in forwarded_for.split(",") if hop.strip()]
    return hops[max(0, len(hops) - proxies)] if hops else peer


@lru_cache(maxsize=4_096)
def truncated(address: str) -> str:
    """The address without the part that tells one household from the next: IPv4 to /24, IPv6 to /48, else ""."""
    try:
        parsed = ip_address(address.strip("[]"))
    except ValueError:
        return ""
    if isinstance(parsed, IPv6Address) and parsed.ipv4_mapped:
        parsed = parsed.ipv4_mapped
    if isinstance(parsed, IPv4Address):
        return str(IPv4Address(_upper(int(parsed), 32, _V4_BITS)))
    return str(IPv6Address(_upper(int(parsed), 128, _V6_BITS)))


def _upper(number: int, width: int, bits: int) -> int:
    return number >> (width - bits) << (width - bits)
