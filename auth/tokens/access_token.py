"""An access token (RFC 9068): written by the token endpoint, read by whoever must believe it."""

import re
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from joserfc import jwt
from joserfc.jwk import ECKey

from auth.caller import Person
from auth.scope import PERSONAL, Scope, named, scopes_for, scopes_of
from auth.signing import ALGORITHM, Ring
from auth.tokens.compact import NotCompactError, read_compact, whole
from auth.tokens.issuer import Issuer
from schema.kept.text import ODS
from schema.organisation import OrganisationKind
from schema.people.account import SUBJECT, Role
from schema.people.api_client import CLIENT_ID

TYPE = "at+jwt"
LONGEST = 4096
LONGEST_LIFE = 600
LEEWAY = 30

_SUBJECT = re.compile(SUBJECT)


class Unauthenticated(Exception):  # noqa: N818 - it names what is so (RFC 6750)
    """The bearer of this token is not let in; `scheme` is the one to try again with (RFC 6750, 9449)."""

    def __init__(self, code: str, description: str, scheme: str = "Bearer") -> None:
        super().__init__(f"{code}: {description}")
        self.code = code
        self.description = description
        self.scheme = scheme


@dataclass(frozen=True)
class AccessToken:
    """What one of our tokens says. `person`: for whom the client asks; `actor`: which client had it exchanged."""

    client_id: str
    tenant_ods: str
    kind: OrganisationKind
    scopes: frozenset[Scope]
    token_id: str
    issued_at: int
    expires_at: int
    subject: str = ""
    person: Person | None = None
    actor: str | None = None
    jkt: str | None = None

    def __post_init__(self) -> None:
        """Let a machine ask for itself."""
        object.__setattr__(self, "subject", self.subject or self.client_id)

    @property
    def scope(self) -> str:
        """The scopes as they are written: alphabetical, with spaces."""
        return " ".join(sorted(self.scopes))

    def write(self, issuer: Issuer, ring: Ring) -> str:
        """Return the token, signed by the current key."""
        header = {"alg": ALGORITHM, "typ": TYPE}
        return jwt.encode(header, self.claims(issuer), ring.current, algorithms=[ALGORITHM])

    def claims(self, issuer: Issuer) -> dict[str, object]:
        """Return what it says."""
        return {
            "iss": issuer.base_url,
            "sub": self.subject,
            "aud": issuer.audience,
            "exp": self.expires_at,
            "iat": self.issued_at,
            "jti": self.token_id,
            "client_id": self.client_id,
            "scope": self.scope,
            "tenant": self.tenant_ods,
            "tenant_kind": self.kind.value,
            **self._about_person(),
            **({"act": {"sub": self.actor}} if self.actor else {}),
            **({"cnf": {"jkt": self.jkt}} if self.jkt else {}),
        }

    def _about_person(self) -> dict[str, object]:
        if self.person is None:
            return {}
        return {
            "roles": sorted(role.value for role in self.person.roles),
            "sid": self.person.session_id,
            "acr": self.person.acr,
            "auth_time": self.person.authenticated_at,
        }


def new_token_id() -> str:
    """Return a token's id that nobody can guess."""
    return secrets.token_urlsafe(18)


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
    if not in_time(claims, now):
        raise Unauthenticated("invalid_token", "The access token has expired, or is not valid yet.")
    return _spelled(claims)


def _read(token: str) -> Any:
    if not token:
        raise Unauthenticated("invalid_request", "There is no access token.")
    try:
        return read_compact(token, LONGEST)
    except NotCompactError as error:
        raise Unauthenticated("invalid_token", "This is not an access token of ours.") from error


def in_time(claims: Mapping[str, Any], now: float, longest: int = LONGEST_LIFE) -> bool:
    """Tell whether now is within what a token says of its time, and that is no longer than it may be."""
    exp, iat, nbf = (whole(claims.get(name, claims.get("iat"))) for name in ("exp", "iat", "nbf"))
    if exp is None or iat is None or nbf is None:
        return False
    return max(iat, nbf) <= now + LEEWAY and exp > now - LEEWAY and 0 < exp - iat <= longest


def _spelled(claims: Mapping[str, Any]) -> AccessToken:
    names = ("client_id", "sub", "jti", "scope", "tenant", "tenant_kind")
    client, subject, token_id, scope, tenant, kind = (str(claims.get(name, "")) for name in names)
    strings = all(isinstance(claims.get(name), str) for name in names)
    known = CLIENT_ID.fullmatch(client) and ODS.fullmatch(tenant) and kind in OrganisationKind.__members__
    if not (strings and known and token_id):
        raise _lacking()
    person = _person(claims, subject) if "sid" in claims else None
    if person is None and subject != client:
        raise _lacking()
    held = OrganisationKind(kind)
    scopes = named(scope.split(" "), scopes_of(held) if person is None else scopes_for(person.roles, held))
    scopes -= PERSONAL if "act" in claims else frozenset()  # a machine acts
    actor, jkt = _inside(claims, "act", "sub"), _inside(claims, "cnf", "jkt")
    return AccessToken(
        client, tenant, held, scopes, token_id, claims["iat"], claims["exp"], subject, person, actor, jkt
    )


def _person(claims: Mapping[str, Any], subject: str) -> Person:
    roles, session, acr = claims.get("roles"), claims.get("sid"), claims.get("acr")
    at = whole(claims.get("auth_time"))
    fit = isinstance(roles, list) and all(role in Role.__members__ for role in roles) and isinstance(session, str)
    if not fit or at is None or not isinstance(acr, str) or not _SUBJECT.fullmatch(subject):
        raise _lacking()
    return Person(frozenset(Role(role) for role in roles), session, acr, at)  # type: ignore[union-attr, arg-type] # fit


def _inside(claims: Mapping[str, Any], name: str, member: str) -> str | None:
    if name not in claims:
        return None
    inside = claims[name]
    if not isinstance(inside, dict) or not isinstance(inside.get(member), str):
        raise _lacking()
    return str(inside[member])


def _lacking() -> Unauthenticated:
    return Unauthenticated("invalid_token", "The access token lacks what ours have.")
