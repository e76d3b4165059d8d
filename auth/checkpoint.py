"""A checkpoint: the head of an organisation's chain of events, signed; whoever keeps it is a witness."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import ECKey
from sqlmodel import select

from auth.signing import ALGORITHM, Ring
from auth.tables import SigningKey
from auth.tenancy import Transaction
from auth.tokens.compact import Compact, NotCompactError, read_compact, whole
from auth.tokens.issuer import Issuer
from schema.kept.text import ODS

TYPE = "checkpoint+jwt"
LONGEST = 4096

_SHAPES = {
    "tenant": ODS,
    "hash": re.compile(r"[0-9a-f]{64}"),
    "at": re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z", re.ASCII),
}


class BadCheckpointError(ValueError):
    """Not a checkpoint of ours, or not signed by a key we are given; the message says which."""


@dataclass(frozen=True)
class Checkpoint:
    """The last event of a chain: whose, its number, its hash in hexadecimal, when it was recorded."""

    tenant_ods: str
    sequence: int
    hash: str
    at: str


def sign(checkpoint: Checkpoint, issuer: Issuer, ring: Ring, now: float) -> str:
    """Return the checkpoint as a compact JWS, signed by the current key."""
    claims = {
        "iss": issuer.base_url,
        "iat": int(now),
        "tenant": checkpoint.tenant_ods,
        "sequence": checkpoint.sequence,
        "hash": checkpoint.hash,
        "at": checkpoint.at,
    }
    return jwt.encode({"alg": ALGORITHM, "typ": TYPE}, claims, ring.current, algorithms=[ALGORITHM])


def read(text: str, keys: Mapping[str, ECKey]) -> Checkpoint:
    """Return what a checkpoint says, or raise `BadCheckpointError`. It never expires."""
    try:
        compact = read_compact(text, LONGEST)
    except NotCompactError as error:
        raise BadCheckpointError(f"It is not a checkpoint: {error}.") from error
    if compact.header.get("typ") != TYPE:
        raise BadCheckpointError("It is not a checkpoint, but something else that was signed.")
    _believe(compact, keys)
    return _spelled(compact.claims)


def read_keys(jwks: Any) -> dict[str, ECKey]:
    """Return the keys of a JWK set that may have signed a checkpoint, by kid."""
    listed = jwks.get("keys") if isinstance(jwks, dict) else None
    if not isinstance(listed, list) or not all(isinstance(jwk, dict) for jwk in listed):
        raise BadCheckpointError("These are no keys: give a JWK set.")
    fit = [jwk for jwk in listed if (jwk.get("kty"), jwk.get("crv")) == ("EC", "P-256") and jwk.get("kid")]
    try:
        return {str(jwk["kid"]): ECKey.import_key(jwk) for jwk in fit}
    except (JoseError, ValueError, TypeError) as error:
        raise BadCheckpointError("These are no keys: one of them is not a JWK.") from error


async def own_keys(db: Transaction) -> dict[str, ECKey]:
    """Return the keys of this installation that are published now."""
    return read_keys({"keys": await db.all(select(SigningKey.public_jwk))})


def _believe(compact: Compact, keys: Mapping[str, ECKey]) -> None:
    kid = compact.header.get("kid")
    if not isinstance(kid, str) or kid not in keys:
        raise BadCheckpointError(
            f"The key {ascii(kid)[:80]} that signed the checkpoint is not among those given: "
            "give the JWK set that was kept with it."
        )
    if not compact.signed_by(keys[kid], [ALGORITHM]):
        raise BadCheckpointError("The checkpoint was changed: its signature is not that of what it says.")


def _spelled(claims: Mapping[str, Any]) -> Checkpoint:
    sequence = whole(claims.get("sequence"))
    texts = {name: claims.get(name) for name in _SHAPES}
    fit = all(isinstance(text, str) and _SHAPES[name].fullmatch(text) for name, text in texts.items())
    if not fit or sequence is None or sequence < 1:
        raise BadCheckpointError("The checkpoint lacks what ours have.")
    return Checkpoint(str(texts["tenant"]), sequence, str(texts["hash"]), str(texts["at"]))
