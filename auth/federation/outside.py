"""Asking an issuer over HTTP, so that it can neither make us wait or read on and on, nor lead us elsewhere."""

import asyncio
import functools
import json
import socket
import ssl
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network
from typing import Any

import httpx

from auth.tokens.issuer import LOOPBACK, Issuer

SECONDS = 3.0  # for all of it: the name, the connection, the answer to its last byte
LARGEST = 256 * 1024
_ADDRESSES = 4  # of a name's, tried in turn
_PORTS = {"http": 80, "https": 443}
_GLOBAL_IPV6 = ip_network("2000::/3")
_TUNNELS = ip_network("2002::/16")  # 6to4: its addresses lead to any of IPv4's

Address = IPv4Address | IPv6Address
Network = IPv4Network | IPv6Network


class UnreachableError(Exception):
    """An issuer gave no answer that we take; the message says why."""


@dataclass(frozen=True)
class Reach:
    """Where issuers may be: on the internet, in the networks we were told, and `here` where we ourselves are."""

    networks: tuple[Network, ...] = ()
    here: bool = False

    @classmethod
    def of(cls, ourselves: Issuer, networks: Iterable[Network] = ()) -> "Reach":
        """Return the reach of an installation: only one that is on this machine's loopback itself may ask there."""
        return cls(tuple(networks), httpx.URL(ourselves.base_url).host in LOOPBACK)

    def takes(self, address: Address) -> bool:
        """Tell whether we may connect to an address."""
        plain = getattr(address, "ipv4_mapped", None) or address
        if self.here and plain.is_loopback:
            return True
        return _is_public(plain) or any(plain in network for network in self.networks)


@dataclass(frozen=True)
class Outside:
    """The world of issuers: JSON, asked for at an address of our own table's."""

    reach: Reach

    async def get(self, url: str, token: str = "") -> Any:
        """Return the JSON at an address, asked for by a token where one is given."""
        return await self._json("GET", url, {"Authorization": f"Bearer {token}"} if token else {})

    async def post(self, url: str, form: Mapping[str, str]) -> Any:
        """Return the JSON that answers a form."""
        return await self._json("POST", url, {}, dict(form))

    async def _json(self, method: str, url: str, headers: dict[str, str], form: dict[str, str] | None = None) -> Any:
        try:
            async with asyncio.timeout(SECONDS):
                body = await self._ask(httpx.Request(method, url, headers=headers, data=form))
        except TimeoutError as error:
            raise UnreachableError(f"it took longer than {SECONDS:g} s") from error
        except (httpx.HTTPError, httpx.InvalidURL, OSError, UnicodeError) as error:
            raise UnreachableError(f"it cannot be reached ({type(error).__name__})") from error
        try:
            return json.loads(body)
        except (ValueError, RecursionError) as error:
            raise UnreachableError("it is no JSON") from error

    async def _ask(self, request: httpx.Request) -> bytes:
        addresses = await self._addresses(request.url)
        for address in addresses[:-1]:
            try:
                return await _answer(request, address)
            except httpx.ConnectError:
                continue
        return await _answer(request, addresses[-1])

    async def _addresses(self, url: httpx.URL) -> list[Address]:
        """Resolve a name once; it is connected to what was looked at, so that its next answer does not matter."""
        if url.userinfo or not url.host or url.scheme not in _PORTS:
            raise UnreachableError("its address is no plain http or https one")
        port = url.port or _PORTS[url.scheme]
        found = await asyncio.get_running_loop().getaddrinfo(url.host, port, type=socket.SOCK_STREAM)
        addresses = list(dict.fromkeys(ip_address(each[4][0]) for each in found))
        if not addresses or not all(map(self.reach.takes, addresses)):
            raise UnreachableError("its address is private, and in no network of REINSTATE_ISSUER_NETWORKS")
        if url.scheme == "http" and not (self.reach.here and all(each.is_loopback for each in addresses)):
            raise UnreachableError("its address is not https")
        return addresses[:_ADDRESSES]


def _is_public(address: Address) -> bool:
    if address.is_multicast or not address.is_global:
        return False
    return address.version == 4 or (address in _GLOBAL_IPV6 and address not in _TUNNELS)  # noqa: PLR2004 - IPv4


async def _answer(request: httpx.Request, address: Address) -> bytes:
    url = request.url
    there = httpx.Request(
        request.method,
        url.copy_with(host=str(address)),
        headers={
            **request.headers,
            "host": url.netloc.decode("ascii"),
            "accept": "application/json",
            "accept-encoding": "identity",
        },
        content=request.content,
        extensions={"sni_hostname": url.host, "timeout": httpx.Timeout(SECONDS).as_dict()},
    )
    # One connection a request: none is left to a server that we hardly know.
    async with httpx.AsyncHTTPTransport(verify=_trusted(), trust_env=False) as transport:
        answer = await transport.handle_async_request(there)
        try:
            return await _body(answer)
        finally:
            await answer.aclose()


async def _body(answer: httpx.Response) -> bytes:
    if answer.status_code != httpx.codes.OK:
        raise UnreachableError(f"it answers {answer.status_code}")
    if answer.headers.get("content-encoding", "identity") != "identity":
        raise UnreachableError("it is compressed, though we asked that it be not")
    body = bytearray()
    async for piece in answer.aiter_raw():
        body += piece
        if len(body) > LARGEST:
            raise UnreachableError(f"it is larger than {LARGEST} bytes")
    return bytes(body)


@functools.cache
def _trusted() -> ssl.SSLContext:
    return httpx.create_ssl_context(trust_env=False)
