"""Machine clients, as the operator registers, revokes and lists them."""

import re
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from sqlmodel import col, select

from auth.key_file import KeyFile
from auth.public_keys import KeyPair, UnfitKeyError, fit_keys, new_key, public_set
from auth.scope import scopes_of
from auth.tenancy import Transaction
from schema.api_client import ApiClient, AssertionProfile, ClientStatus
from schema.organisation import Organisation, OrganisationKind
from schema.problem import AlreadyDecided, AlreadyRegistered, NotFound, ValidationFailed

CLIENT_ID = re.compile(r"[A-Za-z0-9._-]{3,80}")


@dataclass(frozen=True)
class RegisterClient:
    """What an operator states of a client: its keys by `public_jwks`, or a pair made here (or given)."""

    scopes: Sequence[str]
    profile: AssertionProfile = AssertionProfile.NHS
    client_id: str | None = None
    public_jwks: Mapping[str, Any] | None = None
    key: KeyPair | None = field(default=None, repr=False)


@dataclass(frozen=True)
class Registered:
    """A new client, with its key file where the key was made here."""

    client: ApiClient
    key_file: KeyFile | None = field(repr=False)


async def register(
    db: Transaction, token_url: str, stated: RegisterClient
) -> Registered | NotFound | ValidationFailed | AlreadyRegistered:
    """Register a client of the organisation that the operator acts for."""
    ods_code = str(db.caller.tenant_ods)
    organisation = await db.one(select(Organisation).where(col(Organisation.ods_code) == ods_code))
    if organisation is None:
        return NotFound(message=f"No organisation {ods_code} is listed.", next_step="List the organisation first.")
    client_id = stated.client_id or f"{ods_code.lower()}-{secrets.token_hex(6)}"
    if refused := _refused(stated, client_id, organisation.kind):
        return refused
    existing = await db.one(select(ApiClient).where(col(ApiClient.client_id) == client_id))
    if existing is not None:
        return AlreadyRegistered(message=f"A client {client_id} is registered.", existing=existing.global_id())
    key = None if stated.public_jwks else stated.key or new_key(stated.profile)
    try:
        jwks = fit_keys(public_set(key) if key else stated.public_jwks or {}, stated.profile)
    except UnfitKeyError as error:
        return ValidationFailed.of("public_jwks", f"The public keys are refused: {error}.")
    said = {"client_id": client_id, "scopes": sorted(set(stated.scopes)), "assertion_profile": stated.profile}
    client = await db.keep(ApiClient(**(db.made | said), jwks=jwks))
    return Registered(client, _key_file(client, token_url, key) if key else None)


async def revoke(db: Transaction, client_id: str) -> ApiClient | NotFound | AlreadyDecided:
    """Revoke a client: it gets no more tokens, and those it has stop within 5 s."""
    client = await _find(db, client_id)
    if client is None:
        return NotFound(message=f"There is no client {client_id!r}.", next_step="See `reinstate client list`.")
    await db.lock(client.id)
    await db.refresh(client)
    if client.status is ClientStatus.REVOKED:
        return AlreadyDecided(message=f"The client {client_id} is revoked already.")
    client.status = ClientStatus.REVOKED
    return await db.keep(client)


async def listed(db: Transaction, ods_code: str | None = None) -> list[ApiClient]:
    """List the clients, of all organisations or of one."""
    statement = select(ApiClient).order_by(col(ApiClient.tenant_ods), col(ApiClient.client_id))
    if ods_code is not None:
        statement = statement.where(col(ApiClient.tenant_ods) == ods_code)
    return await db.all(statement)


async def _find(db: Transaction, client_id: str) -> ApiClient | None:
    if not CLIENT_ID.fullmatch(client_id):
        return None
    return await db.one(select(ApiClient).where(col(ApiClient.client_id) == client_id))


def _refused(stated: RegisterClient, client_id: str, kind: OrganisationKind) -> ValidationFailed | None:
    if not CLIENT_ID.fullmatch(client_id):
        return ValidationFailed.of(
            "client_id", "A client id has 3 to 80 letters, digits, dots, underscores or hyphens."
        )
    may = {scope.value for scope in scopes_of(kind)}
    if not stated.scopes:
        return ValidationFailed.of("scopes", f"Name at least one scope: {', '.join(sorted(may))}.")
    if beyond := sorted(set(stated.scopes) - may):
        return ValidationFailed.of(
            "scopes",
            f"A client of a {kind.value.lower()} may not hold {', '.join(beyond)}; "
            f"it may hold {', '.join(sorted(may))}.",
        )
    return None


def _key_file(client: ApiClient, token_url: str, key: KeyPair) -> KeyFile:
    return KeyFile(
        client_id=client.client_id,
        organisation=client.tenant_ods,
        token_url=token_url,
        profile=client.assertion_profile,
        scopes=client.scopes,
        private_key={**key.as_dict(private=True), "kid": key.kid},
    )
