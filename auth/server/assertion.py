"""How a client proves itself: by a signed assertion (RFC 7523), used once.

What is said before the signature is verified depends on the request alone, so that an unknown client, a
revoked one and a wrong key cannot be told apart; what depends on the client's profile is said after.
"""

import datetime as dt
import hashlib
from collections.abc import Mapping
from typing import Any

from joserfc.errors import JoseError
from joserfc.jwk import Key, KeySet
from sqlalchemy.dialects.postgresql import insert
from sqlmodel import col, select

from auth.grants.applications import Application, application
from auth.scope import named, scopes_of
from auth.server import claims, refusals
from auth.server.asker import Asker
from auth.server.dummy import DUMMY
from auth.server.form import Refused
from auth.server.waiting import Waiting
from auth.tables import UsedAssertion
from auth.tokens.compact import Compact, NotCompactError, read_compact
from auth.tokens.issuer import Issuer
from schema.organisation import Organisation, OrganisationKind
from schema.people.api_client import CLIENT_ID, ApiClient, ClientKind, ClientStatus

KEY_TYPES = {"ES256": "EC", "PS256": "RSA", "RS512": "RSA", "Ed25519": "OKP"}
LONGEST = 12_000


def prove(db: Waiting, issuer: Issuer, fields: Mapping[str, str]) -> Asker | Application:
    """Return the client whose assertion this form carries, its jti used up, or raise `Refused`."""
    assertion = _read(fields)
    client_id = _claimed(assertion, fields.get("client_id"))
    found = db.first(
        select(ApiClient, Organisation.kind)
        .join(Organisation, col(Organisation.ods_code) == col(ApiClient.tenant_ods))
        .where(col(ApiClient.client_id) == client_id, col(ApiClient.status) == ClientStatus.ACTIVE)
    )
    client = found[0] if found else None
    if not _signed(assertion, client.jwks if client else None) or not found or not client:
        raise refusals.no_key()
    jti, exp = claims.check(assertion, issuer, client.assertion_profile)
    _use_up(db, client_id, jti, exp)
    if client.kind is ClientKind.APPLICATION:
        return application(client)
    held = OrganisationKind(found[1])
    scopes = named(client.scopes, scopes_of(held))
    return Asker(client_id, client.tenant_ods, held, client.assertion_profile, scopes, client.dpop_bound)


def _read(fields: Mapping[str, str]) -> Compact:
    if fields.get("client_assertion_type") != refusals.ASSERTION_TYPE:
        raise refusals.wrong_type()
    if "client_assertion" not in fields:
        raise Refused("Missing client_assertion")
    if "client_secret" in fields:
        raise Refused("A client proves itself in one way: by its assertion, never by a secret")
    try:
        assertion = read_compact(fields["client_assertion"], LONGEST)
    except NotCompactError as error:
        raise Refused("Malformed JWT in client_assertion") from error
    if assertion.header["alg"] not in KEY_TYPES:
        raise refusals.wrong_algorithm()
    return assertion


def _claimed(assertion: Compact, named: str | None) -> str:
    issuer, subject = assertion.claims.get("iss"), assertion.claims.get("sub")
    if not isinstance(issuer, str) or issuer != subject or named not in {None, issuer}:
        raise refusals.wrong_subject()
    if not CLIENT_ID.fullmatch(issuer):
        raise refusals.impossible_subject()
    return issuer


def _signed(assertion: Compact, jwks: Mapping[str, Any] | None) -> bool:
    if jwks is not None and not jwks.get("keys"):
        raise refusals.unregistered()
    alg, kid = assertion.header["alg"], assertion.header.get("kid")
    fit = [key for key in _keys(jwks or DUMMY, alg) if kid is None or kid == key.kid]
    # Where there is no key to try, another is tried: the answer takes as long.
    signed = [assertion.signed_by(key, [alg]) for key in fit or _keys(DUMMY, alg)]
    return bool(jwks and fit) and any(signed)


def _keys(jwks: Mapping[str, Any], alg: str) -> list[Key]:
    try:
        keys = KeySet.import_key_set({"keys": jwks["keys"]}).keys
    except (JoseError, ValueError, TypeError):
        return []
    return [key for key in keys if key.key_type == KEY_TYPES[alg]]


def _use_up(db: Waiting, client_id: str, jti: str, exp: int) -> None:
    # Hashed, because a jti may be any string: long, with NUL, or no text at all.
    digest = hashlib.sha256(jti.encode("utf-8", "surrogatepass")).hexdigest()
    expires_at = dt.datetime.fromtimestamp(exp + 2 * claims.GRACE, dt.UTC)
    first = db.first(
        insert(UsedAssertion)
        .values(client_id=client_id, jti=digest, expires_at=expires_at)
        .on_conflict_do_nothing()
        .returning(col(UsedAssertion.jti))
    )
    if first is None:
        raise Refused("Non-unique 'jti' claim in JWT")
