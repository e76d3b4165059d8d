"""The keys that issuers sign by: fetched from the address in our table alone, and kept in memory."""

import asyncio
import logging
import time
from base64 import urlsafe_b64decode
from collections import OrderedDict
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from joserfc.errors import JoseError
from joserfc.jwk import Key, import_key

from auth.federation.outside import Outside, UnreachableError

ALGORITHMS = {"ES256": "EC", "Ed25519": "OKP", "PS256": "RSA", "RS256": "RSA", "RS512": "RSA"}
MOST_KEYS = 50
MOST_ISSUERS = 500
FRESH = 600.0  # seconds in which a key that was dropped may still verify
COOL_DOWN = 30.0  # seconds between two fetches, whatever key is asked for
STALE = 86_400.0  # seconds that keys are believed without their issuer
_ALIKE = 4  # keys of one kid that are tried

_MEMBERS = {"RSA": ("n", "e"), "EC": ("crv", "x", "y"), "OKP": ("crv", "x")}
_CURVES = {"EC": "P-256", "OKP": "Ed25519"}
_PRIVATE = {"d", "dp", "dq", "k", "oth", "p", "q", "qi"}
_RSA_BITS = range(2048, 8193)
_LONGEST_KID = 300

log = logging.getLogger("reinstate.issuers")


@dataclass(frozen=True)
class PublicKey:
    """A key that verifies, and the one algorithm it is for, where its issuer says so."""

    key: Key
    alg: str | None

    def fits(self, alg: str) -> bool:
        """Tell whether a signature by this algorithm could be this key's."""
        return self.key.key_type == ALGORITHMS.get(alg) and self.alg in (None, alg)


@dataclass
class _Held:
    """What is known of one address's keys."""

    keys: Mapping[str, list[PublicKey]] = field(default_factory=dict)
    read_at: float = float("-inf")
    tried_at: float = float("-inf")
    turn: asyncio.Lock = field(default_factory=asyncio.Lock)


class IssuerKeys:
    """The keys of every issuer, by the address they are at. One fetch at a time, and none within the cool-down."""

    def __init__(self, outside: Outside, clock: Callable[[], float] = time.monotonic) -> None:
        self.outside = outside
        self._clock = clock
        self._held: OrderedDict[str, _Held] = OrderedDict()

    async def find(self, jwks_uri: str, kid: str, alg: str) -> list[Key]:
        """Return the keys of this id that could have signed by this algorithm; hardly ever more than one."""
        held = self._of(jwks_uri)
        if not self._suffices(held, kid) and not (held.turn.locked() and kid in held.keys):
            async with held.turn:
                if not self._suffices(held, kid) and self._clock() - held.tried_at >= COOL_DOWN:
                    await self._fetch(jwks_uri, held)
        if self._clock() - held.read_at > STALE:
            return []
        return [each.key for each in held.keys.get(kid, ()) if each.fits(alg)][:_ALIKE]

    def _of(self, jwks_uri: str) -> _Held:
        held = self._held.setdefault(jwks_uri, _Held())
        self._held.move_to_end(jwks_uri)
        while len(self._held) > MOST_ISSUERS:
            self._held.popitem(last=False)
        return held

    def _suffices(self, held: _Held, kid: str) -> bool:
        return kid in held.keys and self._clock() - held.read_at < FRESH

    async def _fetch(self, jwks_uri: str, held: _Held) -> None:
        held.tried_at = self._clock()
        try:
            held.keys = read_keys(await self.outside.get(jwks_uri))
            held.read_at = held.tried_at
        except UnreachableError as error:
            log.warning("the keys of an issuer, at %s, are not read: %s", jwks_uri, error)


def read_keys(jwks: Any) -> dict[str, list[PublicKey]]:
    """Return the keys of a JWK set that we verify by; what else is in it is left out, but a secret spoils it all."""
    keys = jwks.get("keys") if isinstance(jwks, dict) else None
    if not isinstance(keys, list) or len(keys) > MOST_KEYS or not all(isinstance(key, dict) for key in keys):
        raise UnreachableError(f"it is no JWK set of at most {MOST_KEYS} keys")
    if any(_PRIVATE & key.keys() for key in keys):
        raise UnreachableError("it holds a private or a shared key")
    found: dict[str, list[PublicKey]] = {}
    for jwk in keys:
        if key := _read_key(jwk):
            found.setdefault(jwk["kid"], []).append(key)
    return found


def _read_key(jwk: Mapping[str, Any]) -> PublicKey | None:
    kid, kind, alg = jwk.get("kid"), jwk.get("kty"), jwk.get("alg")
    if not isinstance(kid, str) or not 0 < len(kid) <= _LONGEST_KID or not _is_to_verify(jwk):
        return None
    if not isinstance(kind, str) or kind not in _MEMBERS or jwk.get("crv") != _CURVES.get(kind):
        return None
    bare: dict[str, Any] = {"kty": kind, **{name: jwk.get(name) for name in _MEMBERS[kind]}}
    if kind == "RSA" and _bits(bare["n"]) not in _RSA_BITS:
        return None
    try:
        key = import_key(bare)
    except (JoseError, ValueError, TypeError):
        return None
    return PublicKey(key, alg if isinstance(alg, str) else None)


def _bits(number: object) -> int:
    try:
        return int.from_bytes(urlsafe_b64decode(f"{number}==")).bit_length()
    except ValueError:
        return 0


def _is_to_verify(jwk: Mapping[str, Any]) -> bool:
    operations = jwk.get("key_ops", ["verify"])
    return jwk.get("use", "sig") == "sig" and isinstance(operations, list) and "verify" in operations
