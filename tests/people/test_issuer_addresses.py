"""Where issuers may be: nobody leads us to a private address, by whatever name."""

import asyncio
import datetime as dt
import socket
import ssl
from collections.abc import Iterator
from ipaddress import ip_address, ip_network
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from auth.federation import outside
from auth.federation.outside import Outside, Reach, UnreachableError
from auth.tokens.issuer import Issuer
from tests.people.answering import Answering, answering

HERE = Outside(Reach(here=True))
AWAY = Outside(Reach())


@pytest.fixture
def server() -> Iterator[Answering]:
    """A server that does what a test tells it to."""
    with answering() as found:
        yield found


def got(url: str, outside_: Outside = HERE) -> object:
    return asyncio.run(outside_.get(url))


def refused(url: str, why: str, outside_: Outside = HERE) -> None:
    with pytest.raises(UnreachableError, match=why):
        got(url, outside_)


PRIVATE = [
    *("127.0.0.1", "127.8.8.8", "0.0.0.1", "10.1.2.3", "172.16.0.1", "192.168.1.1", "169.254.169.254", "100.64.0.1"),
    *("192.0.2.1", "198.18.0.1", "224.0.0.1", "240.0.0.1", "255.255.255.255"),
    *("::1", "::", "fc00::1", "fd00:ec2::254", "fe80::1", "fec0::1", "ff02::1", "2001:db8::1"),
    *("::ffff:127.0.0.1", "::ffff:10.0.0.1", "64:ff9b::7f00:1", "64:ff9b::a00:1", "2002:7f00:1::", "2001::1"),
]


@pytest.mark.parametrize("address", PRIVATE)
def test_a_private_address_is_out_of_reach(address: str) -> None:
    assert not Reach().takes(ip_address(address))


def test_what_is_public_or_was_allowed_is_within_reach() -> None:
    for address in ("8.8.8.8", "51.140.1.1", "2606:4700:4700::1111", "::ffff:8.8.8.8"):
        assert Reach().takes(ip_address(address))
    allowed = Reach((ip_network("10.20.0.0/16"), ip_network("fd12::/16")))
    assert [allowed.takes(ip_address(each)) for each in ("10.20.3.4", "fd12::9", "::ffff:10.20.0.1")] == [True] * 3
    assert not any(allowed.takes(ip_address(each)) for each in ("10.21.0.1", "fd13::1", "127.0.0.1", "169.254.169.254"))


def test_only_an_installation_on_loopback_asks_on_loopback(server: Answering) -> None:
    url = server.says("/jwks", {"keys": []})
    assert got(url, Outside(Reach.of(Issuer("http://localhost:8000", b"k" * 32)))) == {"keys": []}
    public_one = Outside(Reach.of(Issuer("https://reinstate.example", b"k" * 32)))
    refused(url, "private", public_one)
    refused(url.replace("http:", "https:"), "private", public_one)
    allowed = Outside(Reach((ip_network("127.0.0.0/8"),)))
    refused(url, "not https", allowed)
    assert server.asked == ["/jwks"]


@pytest.mark.parametrize("host", ["localhost", "2130706433", "0x7f.1", "127.1", "[::1]", "[::ffff:127.0.0.1]", "0"])
def test_loopback_by_another_spelling_is_refused(server: Answering, host: str) -> None:
    server.says("/jwks", {"keys": []})
    refused(f"https://{host}:{server.server_port}/jwks", "private|cannot be reached", AWAY)
    assert server.asked == []


@pytest.mark.parametrize(
    "url",
    ["file:///etc/passwd", "ftp://issuer.example/", "https://", "https://a:b@issuer.example/", "/jwks", "https://[x]/"],
)
def test_an_address_that_is_no_plain_one_is_refused(url: str) -> None:
    refused(url, "no plain|cannot be reached")


def resolving(monkeypatch, *answers: str) -> list[str]:
    """Have every name mean the first of these addresses, then the second, and so on; return the names asked for."""
    asked: list[str] = []

    async def getaddrinfo(_loop, host, port, **_) -> list:
        asked.append(host)
        address = answers[min(len(asked), len(answers)) - 1]
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (address, port))]

    monkeypatch.setattr(asyncio.BaseEventLoop, "getaddrinfo", getaddrinfo)
    return asked


def test_a_name_is_resolved_once_and_what_was_looked_at_is_connected_to(server: Answering, monkeypatch) -> None:
    server.says("/jwks", {"keys": []})
    asked = resolving(monkeypatch, "127.0.0.1", "10.0.0.1")
    assert got(f"http://issuer.example:{server.server_port}/jwks") == {"keys": []}
    assert asked == ["issuer.example"]
    assert server.headers["host"] == f"issuer.example:{server.server_port}"
    refused(f"https://issuer.example:{server.server_port}/jwks", "private", AWAY)


def test_a_name_that_means_a_private_address_besides_is_refused(monkeypatch) -> None:
    async def getaddrinfo(_loop, _host, port, **_) -> list:
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (each, port)) for each in ("8.8.8.8", "10.0.0.1")]

    monkeypatch.setattr(asyncio.BaseEventLoop, "getaddrinfo", getaddrinfo)
    refused("https://issuer.example/jwks", "private", AWAY)


def certificate(folder: Path, name: str) -> Path:
    """Write a certificate for a name, with its key."""
    key = ec.generate_private_key(ec.SECP256R1())
    called = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, name)])
    now = dt.datetime.now(dt.UTC)
    made = (
        x509.CertificateBuilder(called, called, key.public_key(), x509.random_serial_number())
        .not_valid_before(now - dt.timedelta(days=1))
        .not_valid_after(now + dt.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(name)]), critical=False)
        .sign(key, hashes.SHA256())
    )
    file = folder / f"{name}.pem"
    plain = serialization.NoEncryption()
    pem = key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, plain)
    file.write_bytes(pem + made.public_bytes(serialization.Encoding.PEM))
    return file


def test_a_certificate_is_held_against_the_name_not_the_address(tmp_path: Path, monkeypatch) -> None:
    file = certificate(tmp_path, "issuer.example")
    ours = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    ours.load_cert_chain(file)
    resolving(monkeypatch, "127.0.0.1")
    with answering(ours) as server:
        server.says("/jwks", {"keys": []})
        refused(f"https://issuer.example:{server.server_port}/jwks", "cannot be reached")
        monkeypatch.setattr(outside, "_trusted", lambda: ssl.create_default_context(cafile=file))
        assert got(f"https://issuer.example:{server.server_port}/jwks") == {"keys": []}
        refused(f"https://another.example:{server.server_port}/jwks", "cannot be reached")
