"""Device grant (RFC 8628): a device shows a code, its person approves it in a browser elsewhere, the device asks.

Whoever approves must have begun at the device: a code that a stranger sent is how this grant is abused (5.4), and the
page that takes codes says so.
"""

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from authlib.oauth2 import rfc6749, rfc8628  # type: ignore[import-untyped] # Authlib ships no types
from sqlalchemy import func, select, update
from sqlalchemy.dialects.postgresql import insert
from sqlmodel import col

from auth.grants import applications, sessions
from auth.grants.applications import DEVICE, PUBLIC, Application
from auth.grants.granted import Granted, spelt, standing_from_now
from auth.grants.tables import DeviceCode
from auth.grants.user_code import new_user_code, shown, typed
from auth.scope import Scope, named, scopes_for
from auth.server.asker import METHOD
from auth.server.form import NO_STORE, Refused
from auth.server.request import Context, Request
from auth.server.waiting import Waiting, waiting
from auth.tenancy import Transaction
from auth.tokens.secret import BITS_256, hashed, new_secret
from schema.kept.text import ODS
from schema.people.account import Role

LIFE = 600
INTERVAL = 5
TOLERANCE = 1  # seconds that one request may have been quicker on its way than the one before
_TRIES = 5


@dataclass(frozen=True)
class WaitingDevice:
    """A device that waits for a decision: which code it shows, at which application, and what it asks for."""

    user_code: str
    application: Application
    scopes: frozenset[Scope]


def begin(context: Context, application: Application, fields: Mapping[str, str]) -> dict[str, object]:
    """Let a device wait, and return what it shows its person (3.2); `organisation` goes along to the page."""
    if not application.check_grant_type(DEVICE):
        raise Refused("This client sends its people to /oauth2/authorize.", error="unauthorized_client")
    names = spelt(fields.get("scope"))
    scopes = named(names, application.scopes) if names else application.scopes
    if not scopes:
        raise Refused("None of the requested scope may be asked for by this client.", error="invalid_scope")
    device_code = new_secret()
    user_code = shown(_keep(context.db, device_code, application.client_id, scopes))
    page = f"{context.issuer.base_url}/device"
    organisation = fields.get("organisation", "")
    hint = f"&organisation={organisation}" if ODS.fullmatch(organisation) else ""
    return {
        "device_code": device_code,
        "user_code": user_code,
        "verification_uri": page,
        "verification_uri_complete": f"{page}?user_code={user_code}{hint}",
        "expires_in": LIFE,
        "interval": INTERVAL,
    }


def _keep(db: Waiting, device_code: str, client_id: str, scopes: frozenset[Scope]) -> str:
    for _ in range(_TRIES):
        row = {"device_hash": hashed(device_code), "client_id": client_id, "interval_s": INTERVAL, "roles": []}
        row |= {"user_code": new_user_code(), "scopes": sorted(scopes)}
        row["expires_at"] = db.now() + dt.timedelta(seconds=LIFE)
        kept = insert(DeviceCode).values(**row).on_conflict_do_nothing().returning(col(DeviceCode.user_code))
        if (user_code := db.first(kept)) is not None:
            return str(user_code)
    raise Refused("No code is free now; try again shortly.", 503, "temporarily_unavailable")


async def find_waiting(db: Transaction, user_code: str) -> WaitingDevice | None:
    """Return the device that waits with this code; its page counts the codes that were typed in vain."""
    code = typed(user_code)
    row = await db.one(_waiting_with(code)) if code else None
    if row is None:
        return None
    client_id = row.client_id
    found = await waiting(db, lambda db: applications.find(db, client_id))
    return WaitingDevice(shown(row.user_code), found, named(row.scopes, Scope)) if found else None


async def decide(db: Transaction, user_code: str, approve: bool, granted: Granted | None = None) -> bool:
    """Note what a person decided; False: no device waits with this code, or it may not have what was granted."""
    device = await find_waiting(db, user_code)
    if device is None or (approve and granted is None):
        return False
    decision: dict[str, Any] = {"approved": approve, "decided_at": func.clock_timestamp()}
    if approve and granted:
        scopes = device.scopes & granted.scopes & frozenset(scopes_for(granted.roles))
        if not scopes or not device.application.serves(granted.tenant_ods):
            return False
        decision |= {
            "subject": granted.subject,
            "tenant_ods": granted.tenant_ods,
            "roles": sorted(granted.roles),
            "scopes": sorted(scopes),
            "issuer": granted.issuer,
            "acr": granted.acr,
            "authenticated_at": granted.authenticated_at,
        }
    waits = _waiting_with(typed(user_code) or "").whereclause
    decided = update(DeviceCode).where(waits).values(**decision).returning(col(DeviceCode.user_code))
    return bool(await db.rows(decided))


def _waiting_with(code: str) -> Any:
    undecided = col(DeviceCode.decided_at).is_(None), col(DeviceCode.expires_at) > func.clock_timestamp()
    return select(DeviceCode).where(col(DeviceCode.user_code) == code, *undecided)


def redeem(context: Context, application: Application, device_code: str, jkt: str | None) -> dict[str, object]:
    """Return the tokens of a device that was approved, once; or raise `Refused` as RFC 8628, 3.5 words it."""
    db = context.db
    row = _polled(db, application, device_code)
    unused = col(DeviceCode.device_hash) == row.device_hash, col(DeviceCode.consumed_at).is_(None)
    using = update(DeviceCode).where(*unused).values(consumed_at=func.clock_timestamp())
    if db.first(using.returning(col(DeviceCode.device_hash))) is None:
        raise _unknown()
    granted = _granted(row)
    standing = standing_from_now(db, granted, granted.tenant_ods)
    if standing is None or not standing.roles & granted.roles:
        raise Refused("Whoever approved speaks for that organisation no longer.", error="invalid_grant")
    roles = standing.roles & granted.roles
    held = granted.scopes & application.scopes & frozenset(scopes_for(roles))
    session = sessions.start(db, replace(granted, roles=roles, scopes=held), application.client_id, jkt)
    return sessions.issue(context, session, standing.kind, held, refresh=True)


def _granted(row: DeviceCode) -> Granted:
    who, when = (row.subject, row.tenant_ods, row.acr), row.authenticated_at
    if not all(who) or when is None:
        raise _unknown()
    subject, tenant_ods, acr = map(str, who)
    roles = frozenset(map(Role, row.roles))
    return Granted(subject, tenant_ods, roles, named(row.scopes, Scope), acr, when, row.issuer)


def _polled(db: Waiting, application: Application, device_code: str) -> DeviceCode:
    """Return the device's row when its person approved, to this transaction alone."""
    of_it = col(DeviceCode.device_hash) == hashed(device_code), col(DeviceCode.client_id) == application.client_id
    fits = BITS_256.fullmatch(device_code)
    row: DeviceCode | None = db.first(select(DeviceCode).where(*of_it).with_for_update()) if fits else None
    if row is None or row.consumed_at:
        raise _unknown()
    now = db.now()
    if row.expires_at <= now:
        raise Refused("The code has expired; begin again at the device.", error="expired_token")
    if row.approved is False:
        raise Refused("The person did not approve.", error="access_denied")
    if not row.approved:
        raise _pending(db, row, now)
    return row


def _pending(db: Waiting, row: DeviceCode, now: dt.datetime) -> Refused:
    wait = dt.timedelta(seconds=row.interval_s - TOLERANCE)
    hasty = row.last_polled_at is not None and now - row.last_polled_at < wait
    polled = {"last_polled_at": now, "interval_s": row.interval_s + (INTERVAL if hasty else 0)}
    db.write(update(DeviceCode).where(col(DeviceCode.device_hash) == row.device_hash).values(**polled))
    if hasty:
        return Refused(f"Ask again in {polled['interval_s']} seconds, not before.", error="slow_down")
    return Refused("The person has not decided yet.", error="authorization_pending")


def _unknown() -> Refused:
    return Refused("There is no such device code, or it was used.", error="invalid_grant")


class DeviceAuthorization(rfc8628.DeviceAuthorizationEndpoint):  # type: ignore[misc] # untyped, as above
    """RFC 8628, 3.1: where a device asks for its code."""

    CLIENT_AUTH_METHODS = (PUBLIC, METHOD)

    def create_endpoint_response(self, request: Request) -> tuple[int, dict[str, object], object]:
        """Let the device wait."""
        return 200, begin(request.context, self.authenticate_client(request), request.form), NO_STORE


class DeviceGrant(rfc6749.BaseGrant, rfc6749.TokenEndpointMixin):  # type: ignore[misc] # untyped, as above
    """RFC 8628, 3.4: where a device asks whether its person has decided."""

    GRANT_TYPE = DEVICE
    TOKEN_ENDPOINT_AUTH_METHODS = (PUBLIC, METHOD)

    def validate_token_request(self) -> None:
        """Learn which client asks, and whether it may."""
        self.request.client = self.authenticate_token_endpoint_client()
        if not self.request.client.check_grant_type(DEVICE):
            raise Refused("This client may not use the device grant.", error="unauthorized_client")

    def create_token_response(self) -> tuple[int, dict[str, object], object]:
        """Return the tokens, when the person approved."""
        device_code = self.request.form.get("device_code")
        if device_code is None:
            raise Refused("device_code is missing")
        answer = redeem(self.request.context, self.request.client, device_code, self.request.jkt)
        self.save_token(answer)
        return 200, answer, NO_STORE
