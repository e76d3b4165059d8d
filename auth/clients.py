"""Clients, machines and applications, as the operator or an administrator registers, revokes and lists them."""

import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from sqlmodel import col, select

from auth.caller import Administering
from auth.grants.applications import CLI, fit_redirect_uri
from auth.key_file import KeyFile
from auth.public_keys import KeyPair, UnfitKeyError, fit_keys, new_key, public_set
from auth.scope import Scope, scopes_of
from auth.tenancy import Transaction
from schema.kept.question import Page
from schema.organisation import Organisation, OrganisationKind
from schema.people.api_client import CLIENT_ID, ApiClient, AssertionProfile, ClientKind, ClientStatus, RevokeClient
from schema.people.api_client import RegisterClient as Stated
from schema.problem import AlreadyDecided, AlreadyRegistered, NotFound, ValidationFailed, VersionConflict


@dataclass(frozen=True)
class RegisterClient:
    """What is stated of a client: its keys by `public_jwks`, or a pair made here (or given); a public one has none."""

    scopes: Sequence[str]
    profile: AssertionProfile = AssertionProfile.NHS
    client_id: str | None = None
    public_jwks: Mapping[str, Any] | None = None
    key: KeyPair | None = field(default=None, repr=False)
    kind: ClientKind = ClientKind.MACHINE
    redirect_uris: Sequence[str] = ()
    public: bool = False
    dpop_bound: bool = False
    everyone: bool = False


@dataclass(frozen=True)
class Registered:
    """A new client, with its key file where the key was made here."""

    client: ApiClient
    key_file: KeyFile | None = field(repr=False)


async def register(
    db: Transaction, token_url: str, stated: RegisterClient
) -> Registered | NotFound | ValidationFailed | AlreadyRegistered:
    """Register a client of the organisation that the operator or administrator acts for."""
    ods_code = str(db.caller.tenant_ods)
    organisation = await db.one(select(Organisation).where(col(Organisation.ods_code) == ods_code))
    if organisation is None:
        return NotFound(message=f"No organisation {ods_code} is listed.", next_step="List the organisation first.")
    client_id = stated.client_id or f"{ods_code.lower()}-{secrets.token_hex(6)}"
    if refused := _refused(stated, client_id, organisation.kind):
        return refused
    await db.lock(f"client:{client_id}")
    existing = await db.one(select(ApiClient).where(col(ApiClient.client_id) == client_id))
    if existing is not None:
        return AlreadyRegistered(message=f"A client {client_id} is registered.", existing=existing.global_id())
    key = None if stated.public or stated.public_jwks else stated.key or new_key(stated.profile)
    try:
        jwks = _jwks(stated, key)
    except UnfitKeyError as error:
        return ValidationFailed.of("publicJwks", f"The public keys are refused: {error}.")
    said: dict[str, Any] = {
        "client_id": client_id,
        "scopes": sorted(set(stated.scopes)),
        "assertion_profile": stated.profile,
    }
    said |= {"redirect_uris": [*dict.fromkeys(stated.redirect_uris)], "jwks": jwks}
    said |= {name: getattr(stated, name) for name in ("kind", "dpop_bound", "everyone")}
    client = await db.keep(ApiClient(**(db.made | said)))
    return Registered(client, _key_file(client, token_url, key) if key else None)


async def register_own(
    db: Transaction, caller: Administering, input: Stated
) -> ApiClient | ValidationFailed | AlreadyRegistered:
    """Register a client of the caller's organisation: a machine with keys of its own, or an application."""
    prefix = f"{caller.tenant_ods.lower()}-"
    if input.client_id is not None and not input.client_id.startswith(prefix):
        return ValidationFailed.of("clientId", f"must begin with {prefix}, so that nobody takes another's")
    keyless = input.public_jwks is None
    if keyless and input.kind is ClientKind.MACHINE:
        return ValidationFailed.of("publicJwks", "is needed: a machine proves itself by keys it has made itself")
    if not (keyless or isinstance(input.public_jwks, dict)):
        return ValidationFailed.of("publicJwks", "must be a JWK set: an object with its public keys under keys")
    stated = RegisterClient(
        **input.model_dump(exclude={"idempotency_key", "assertion_profile"}),
        profile=input.assertion_profile,
        public=keyless,
    )
    made = await register(db, "", stated)
    if isinstance(made, NotFound):  # nobody has a token for an organisation that is not listed
        return ValidationFailed.of("clientId", made.message)
    return made.client if isinstance(made, Registered) else made


async def revoke(db: Transaction, client_id: str) -> ApiClient | NotFound | AlreadyDecided:
    """Revoke a client: it gets no more tokens, and those it has stop within 5 s."""
    client = await _find(db, client_id)
    if client is None:
        return NotFound(message=f"There is no client {client_id!r}.", next_step="See `reinstate client list`.")
    answer = await _revoke(db, client, None)
    return answer if isinstance(answer, ApiClient | AlreadyDecided) else NotFound()


async def revoke_own(
    db: Transaction, caller: Administering, input: RevokeClient
) -> ApiClient | NotFound | AlreadyDecided | VersionConflict:
    """Revoke a client: it gets no more tokens, and those it and its people have stop within 5 seconds."""
    client = await db.own(ApiClient, input.client, caller)
    if client is None:
        return NotFound(path=["input", "client"])
    return await _revoke(db, client, input.expected_version)


async def listed(db: Transaction, ods_code: str | None = None) -> list[ApiClient]:
    """List the clients, of all organisations or of one."""
    statement = select(ApiClient).order_by(col(ApiClient.tenant_ods), col(ApiClient.client_id))
    if ods_code is not None:
        statement = statement.where(col(ApiClient.tenant_ods) == ods_code)
    return await db.all(statement)


def seen(kind: ClientKind | None = None, status: ClientStatus | None = None) -> Page[ApiClient]:
    """Return the clients the caller may see, in the order they were registered."""
    found = select(ApiClient)
    if kind is not None:
        found = found.where(col(ApiClient.kind) == kind)
    return Page(found if status is None else found.where(col(ApiClient.status) == status))


async def _revoke(
    db: Transaction, client: ApiClient, expected_version: int | None
) -> ApiClient | AlreadyDecided | VersionConflict:
    await db.take(client)
    if client.status is ClientStatus.REVOKED:
        return AlreadyDecided(message=f"The client {client.client_id} is revoked already.")
    if expected_version not in (None, client.version):
        return VersionConflict(current_version=client.version)
    client.status = ClientStatus.REVOKED
    return await db.keep(client)


async def _find(db: Transaction, client_id: str) -> ApiClient | None:
    if not CLIENT_ID.fullmatch(client_id):
        return None
    return await db.one(select(ApiClient).where(col(ApiClient.client_id) == client_id))


def _refused(stated: RegisterClient, client_id: str, kind: OrganisationKind) -> ValidationFailed | None:
    if not CLIENT_ID.fullmatch(client_id) or client_id == CLI.client_id:
        mend = f"A client id has 3 to 80 letters, digits, dots, underscores or hyphens; {CLI.client_id} is taken."
        return ValidationFailed.of("clientId", mend)
    if stated.kind is ClientKind.MACHINE and (stated.redirect_uris or stated.public or stated.everyone):
        return ValidationFailed.of("kind", "A machine has keys and nowhere to send people; register an application.")
    if unfit := [uri for uri in stated.redirect_uris if not fit_redirect_uri(uri)]:
        mend = "is neither https nor this machine's own http://127.0.0.1, http://[::1] or http://localhost"
        return ValidationFailed.of("redirectUris", f"{unfit[0]!r} {mend}.")
    may = {scope.value for scope in _held(stated, kind)}
    if not stated.scopes:
        return ValidationFailed.of("scopes", f"Name at least one scope: {', '.join(sorted(may))}.")
    if beyond := sorted(set(stated.scopes) - may):
        whose = f"A client of a {kind.value.lower()}" if stated.kind is ClientKind.MACHINE else "This application"
        return ValidationFailed.of(
            "scopes", f"{whose} may not hold {', '.join(beyond)}; it may hold {', '.join(sorted(may))}."
        )
    return None


def _held(stated: RegisterClient, kind: OrganisationKind) -> list[Scope]:
    """Return what it may ask for at most: what machines hold, or people of the organisation, or of all of them."""
    if stated.kind is ClientKind.MACHINE:
        return scopes_of(kind)
    return [scope for scope in Scope if stated.everyone or kind in scope.kinds]


def _jwks(stated: RegisterClient, key: KeyPair | None) -> dict[str, Any]:
    if stated.public:
        return {"keys": []}
    return fit_keys(public_set(key) if key else stated.public_jwks or {}, stated.profile)


def _key_file(client: ApiClient, token_url: str, key: KeyPair) -> KeyFile:
    return KeyFile(
        client_id=client.client_id,
        organisation=client.tenant_ods,
        token_url=token_url,
        profile=client.assertion_profile,
        scopes=client.scopes,
        private_key={**key.as_dict(private=True), "kid": key.kid},
    )
