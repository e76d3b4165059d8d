"""An access token (RFC 9068): written by the token endpoint, read by whoever must believe it."""

import re
import secrets
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from joserfc import jwt
from joserfc.jwk import ECKey

from auth.scope import Scope
from auth.signing import ALGORITHM, Ring
from auth.tokens.compact import NotCompactError, read_compact, whole
from auth.tokens.issuer import Issuer
from schema.organisation import OrganisationKind

TYPE = "at+jwt"
LONGEST = 4096
LONGEST_LIFE = 600
LEEWAY = 30

_ODS = re.compile(r"[A-Z0-9]{3,10}")
_ID = re.compile(r"[A-Za-z0-9._-]{3,80}")


class Unauthenticated(Exception):  # noqa: N818 - it names what is so (RFC 6750)
    """The bearer of this token is not let in."""

    def __init__(self, code: str, description: str) -> None:
        super().__init__(f"{code}: {description}")
        self.code = code
        self.description = description


@dataclass(frozen=True)
class AccessToken:
    """What one of our tokens says."""

    client_id: str
    tenant_ods: str
    kind: OrganisationKind
    scopes: frozenset[Scope]
    token_id: str
    issued_at: int
    expires_at: int

    @property
    def scope(self) -> str:
        """The scopes as they are written: alphabetical, with spaces."""
        return " ".join(sorted(self.scopes))

    def write(self, issuer: Issuer, ring: Ring) -> str:
        """Return the token, signed by the current key."""
        claims = {
            "iss": issuer.base_url,
            "sub": self.client_id,
            "aud": issuer.audience,
            "exp": self.expires_at,
            "iat": self.issued_at,
            "jti": self.token_id,
            "client_id": self.client_id,
            "scope": self.scope,
            "tenant": self.tenant_ods,
            "tenant_kind": self.kind.value,
        }
        return jwt.encode({"alg": ALGORITHM, "typ": TYPE}, claims, ring.current, algorithms=[ALGORITHM])


def new_token_id() -> str:
    """Return a token's id that nobody can guess."""
    return secrets.token_urlsafe(18)


def named_scopes(names: Iterable[str], kind: OrganisationKind) -> frozenset[Scope]:
    """Return the scopes by these names that this kind may hold; an unknown name grants nothing."""
    wanted = set(names)
    return frozenset(scope for scope in Scope if scope.value in wanted and kind in scope.kinds)


def key_id(token: str) -> str:
    """Return the kid a token names, before anything in it is believed."""
    return str(_read(token).header.get("kid", ""))


def read(token: str, issuer: Issuer, keys: Mapping[str, ECKey], now: float) -> AccessToken:
    """Return what a token says, or raise `Unauthenticated`."""
    compact = _read(token)
    kid = compact.header.get("kid")
    if compact.header.get("typ") != TYPE or not isinstance(kid, str) or kid not in keys:
        raise Unauthenticated("invalid_token", "This is not an access token of ours.")
    if not compact.signed_by(keys[kid], [ALGORITHM]):
        raise Unauthenticated("invalid_token", "This is not an access token of ours.")
    claims = compact.claims
    if claims.get("iss") != issuer.base_url or claims.get("aud") != issuer.audience:
        raise Unauthenticated("invalid_token", "The access token is for somebody else.")
    if not _in_time(claims, now):
        raise Unauthenticated("invalid_token", "The access token has expired, or is not valid yet.")
    return _spelled(claims)


def _read(token: str) -> Any:
    if not token:
        raise Unauthenticated("invalid_request", "There is no access token.")
    try:
        return read_compact(token, LONGEST)
    except NotCompactError as error:
        raise Unauthenticated("invalid_token", "This is not an access token of ours.") from error


def _in_time(claims: Mapping[str, Any], now: float) -> bool:
    exp, iat, nbf = (whole(claims.get(name, claims.get("iat"))) for name in ("exp", "iat", "nbf"))
    if exp is None or iat is None or nbf is None:
        return False
    return max(iat, nbf) <= now + LEEWAY and exp > now - LEEWAY and 0 < exp - iat <= LONGEST_LIFE


def _spelled(claims: Mapping[str, Any]) -> AccessToken:
    names = ("client_id", "sub", "jti", "scope", "tenant", "tenant_kind")
    client, subject, token_id, scope, tenant, kind = (str(claims.get(name, "")) for name in names)
    strings = all(isinstance(claims.get(name), str) for name in names)
    known = _ID.fullmatch(client) and _ODS.fullmatch(tenant) and kind in OrganisationKind.__members__
    if not (strings and known and client == subject and token_id):
        raise Unauthenticated("invalid_token", "The access token lacks what ours have.")
    held = OrganisationKind(kind)
    return AccessToken(
        client,
        tenant,
        held,
        named_scopes(scope.split(" "), held),
        token_id,
        claims["iat"],
        claims["exp"],
    )
