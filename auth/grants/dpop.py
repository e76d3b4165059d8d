"""DPoP (RFC 9449): a proof that whoever asks holds the key that a token is bound to; read here, used up in proofs.py.

The nonces a server may hand out (8, 9) are left out: they would cost every client a round trip, and guard only
against somebody who could use a key for a while and made proofs for later. A proof is good for a minute, once.
"""

import base64
import hashlib
import re
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from joserfc.errors import JoseError
from joserfc.jwk import Key, RSAKey, import_key

from auth.tokens.access_token import LEEWAY
from auth.tokens.compact import Compact, NotCompactError, read_compact, whole

ALGORITHMS = {"ES256": "EC", "Ed25519": "OKP", "PS256": "RSA"}  # and the keys that sign by them
TYPE = "dpop+jwt"
LONGEST = 4096
LONGEST_JTI = 400
AGE = 60

_MEMBERS = {"EC": ("crv", "x", "y"), "OKP": ("crv", "x"), "RSA": ("e", "n")}
_CURVES = {"EC": "P-256", "OKP": "Ed25519"}
_PRIVATE = {"d", "dp", "dq", "k", "oth", "p", "q", "qi"}
_RSA_BITS = range(2048, 4097)
_RSA_LETTERS = {"e": range(1, 7), "n": range(342, 685)}  # of base64url; a long exponent takes as long to verify by
_RSA_SIZE = "An RSA key must have 2048 to 4096 bits, and a small exponent."
_PORTS = {"http": 80, "https": 443}
_VISIBLE = re.compile(r"[!-~]{1,2000}")
_ESCAPED = re.compile(r"%([0-9A-Fa-f]{2})")
_UNRESERVED = frozenset("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~")


class BadProof(Exception):  # noqa: N818 - it names what is so
    """No proof that the sender holds the key; the message says why."""


@dataclass(frozen=True)
class Proof:
    """A proof that holds, but may have been used before: the key's thumbprint (RFC 7638), and its own id."""

    jkt: str
    jti: str
    expires_at: int


@dataclass(frozen=True)
class Sent:
    """The request that a proof must be about: its method, its public address, and the token it carries."""

    method: str
    url: str
    token: str | None = None


def read_proof(text: str, sent: Sent, now: float) -> Proof:
    """Return what a DPoP header proves of a request, or raise `BadProof` (RFC 9449, 4.3)."""
    try:
        proof = read_compact(text, LONGEST)
    except NotCompactError as error:
        raise BadProof("The DPoP header must hold one proof, a signed JWT.") from error
    if proof.header.get("typ") != TYPE:
        raise BadProof(f"The proof's typ must be {TYPE}.")
    key = _key_of(proof)
    if not proof.signed_by(key, [proof.header["alg"]]):
        raise BadProof("The proof is not signed by the key it names.")
    _check_request(proof.claims, sent)
    issued_at, jti = whole(proof.claims.get("iat")), proof.claims.get("jti")
    if issued_at is None or not now - AGE - LEEWAY <= issued_at <= now + LEEWAY:
        raise BadProof("The proof's iat must be now; mend the clock, and make a proof for every request.")
    if not isinstance(jti, str) or not 0 < len(jti) <= LONGEST_JTI:
        raise BadProof(f"The proof needs a jti of 1 to {LONGEST_JTI} characters.")
    return Proof(str(key.thumbprint()), jti, issued_at + AGE + 2 * LEEWAY)


def _key_of(proof: Compact) -> Key:
    jwk, kind = proof.header.get("jwk"), ALGORITHMS.get(proof.header["alg"])
    if kind is None:
        raise BadProof(f"The proof must be signed by one of {', '.join(ALGORITHMS)}.")
    bare = _public(jwk, kind)
    try:
        key = import_key(bare)
    except (JoseError, ValueError, TypeError) as error:
        raise BadProof("The proof's jwk is no public key.") from error
    if isinstance(key, RSAKey) and key.raw_value.key_size not in _RSA_BITS:
        raise BadProof(_RSA_SIZE)
    return key


def _public(jwk: object, kind: str) -> dict[str, Any]:
    """Return what of a key is needed to verify, and nothing else of what was sent."""
    if not isinstance(jwk, dict) or _PRIVATE & jwk.keys():
        raise BadProof("The proof's header must hold its public key as jwk, and no private part of it.")
    bare: dict[str, Any] = {"kty": kind, **{name: jwk.get(name) for name in _MEMBERS[kind]}}
    if jwk.get("kty") != kind or bare.get("crv") != _CURVES.get(kind):
        raise BadProof("The proof's jwk does not fit its alg.")
    if kind == "RSA" and any(len(str(bare[name])) not in letters for name, letters in _RSA_LETTERS.items()):
        raise BadProof(_RSA_SIZE)
    return bare


def _check_request(claims: dict[str, Any], sent: Sent) -> None:
    if claims.get("htm") != sent.method:
        raise BadProof(f"The proof's htm must be {sent.method}.")
    if not _same(claims.get("htu"), sent.url):
        raise BadProof(f"The proof's htu must be {sent.url}.")
    if sent.token is not None and claims.get("ath") != fingerprint(sent.token):
        raise BadProof("The proof's ath must be the SHA-256 of the access token it is sent with.")


def fingerprint(token: str) -> str:
    """Return how a proof names the token it is sent with: its SHA-256 in base64url."""
    digest = hashlib.sha256(token.encode("utf-8", "surrogatepass")).digest()
    return base64.urlsafe_b64encode(digest).decode().rstrip("=")


def _same(given: object, ours: str) -> bool:
    """Tell whether two addresses are one, but for query and fragment (RFC 3986, 6.2.2 and 6.2.3)."""
    if not isinstance(given, str) or not _VISIBLE.fullmatch(given):
        return False
    try:
        return _normal(given) == _normal(ours)
    except ValueError:
        return False


def _normal(url: str) -> tuple[str, str, int | None, str]:
    parts = urlsplit(url)
    if "@" in parts.netloc:
        raise ValueError("a name within an address")
    return parts.scheme, parts.hostname or "", parts.port or _PORTS.get(parts.scheme), _plain(parts.path) or "/"


def _plain(path: str) -> str:
    def spelled(found: re.Match[str]) -> str:
        letter = chr(int(found[1], 16))
        return letter if letter in _UNRESERVED else found[0].upper()

    return _ESCAPED.sub(spelled, path)
