"""Signing in at an issuer by the browser (OpenID Connect, code and PKCE): sent there, and what it came back with."""

import datetime as dt
import logging
import re
import time
import uuid
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlencode

from sqlalchemy import any_, func, insert, literal, update
from sqlmodel import col, select

from auth.caller import SignIn
from auth.federation import identities, registry, sign_in
from auth.federation.claims import Disbelieved
from auth.federation.client import BACK, Asked, Redeeming
from auth.federation.identities import Arrived
from auth.federation.keys import IssuerKeys
from auth.federation.outside import UnreachableError
from auth.federation.registry import Binding
from auth.federation.sign_in import LONGEST_AGO, Expected, Known
from auth.federation.tables import LoginAtIssuer
from auth.signing import ensure_keys
from auth.tenancy import Database, Transaction
from auth.tokens.issuer import Issuer as Ourselves
from auth.tokens.secret import BITS_256, hashed, new_secret
from schema.people.issuer import Issuer, IssuerMode, IssuerStatus

LIFE = dt.timedelta(minutes=10)
_CODE = re.compile(r"[ -~]{1,2000}")

log = logging.getLogger("reinstate.issuers")


class NotSignedIn(Exception):  # noqa: N818 - it names what is so
    """A person was not signed in by an issuer; the message says to that person why."""


@dataclass(frozen=True)
class Offered:
    """An issuer that the sign-in page offers."""

    id: uuid.UUID
    name: str
    iss: str


@dataclass(frozen=True)
class Wish:
    """Where the browser goes in the end, and how sure and recent a sign-in is needed there."""

    return_to: str
    step_up: bool = False
    max_age: int = LONGEST_AGO


@dataclass(frozen=True)
class Sent:
    """Where the browser is sent, and the cookie that only it brings back."""

    url: str
    cookie: str = field(repr=False)


@dataclass(frozen=True)
class Back:
    """What a browser came back with."""

    code: str | None = field(repr=False)
    state: str | None = field(repr=False)
    iss: str | None
    error: str | None


@dataclass(frozen=True)
class Entered:
    """A person is signed in: the browser's cookie, and where it goes."""

    cookie: str = field(repr=False)
    return_to: str


@dataclass(frozen=True)
class _Begun:
    binding: Binding
    login: LoginAtIssuer
    redeeming: Redeeming


async def offered(db: Transaction) -> list[Offered]:
    """Return the issuers that people may sign in at, by name."""
    signs_in = literal(IssuerMode.LOGIN.value) == any_(col(Issuer.modes)), col(Issuer.client_id).is_not(None)
    active = select(Issuer).where(col(Issuer.status) == IssuerStatus.ACTIVE, *signs_in)
    return [Offered(each.id, each.name, each.iss) for each in await db.all(active.order_by(col(Issuer.name)))]


class Login:
    """The way to an issuer and back. No connection to the database is held while an issuer is waited for."""

    def __init__(self, database: Database, ourselves: Ourselves, keys: IssuerKeys) -> None:
        self._database = database
        self._ourselves = ourselves
        self._keys = keys

    async def begin(self, issuer_id: str, wish: Wish, cookie: str | None) -> Sent | None:
        """Return where to send a browser to sign in; None where no issuer of this id signs people in."""
        async with self._database.change(SignIn(), "issuer sign-in") as db:
            binding = await _found(db, issuer_id)
            if binding is None:
                return None
            state, told = new_secret(), cookie if cookie and BITS_256.fullmatch(cookie) else new_secret()
            asked = Asked(new_secret(), new_secret(), max(0, min(wish.max_age, LONGEST_AGO)), wish.step_up)
            held: dict[str, Any] = {
                "state_hash": hashed(state),
                "browser_hash": hashed(told),
                "return_to": wish.return_to,
            }
            held |= {"issuer_id": binding.issuer.id, **asked.kept, "expires_at": func.clock_timestamp() + LIFE}
            await db.write(insert(LoginAtIssuer).values(held))
        joint = "&" if "?" in str(binding.issuer.authorization_endpoint) else "?"
        request = asked.of(binding.issuer, self._ourselves.base_url + BACK) | {"state": state}
        return Sent(f"{binding.issuer.authorization_endpoint}{joint}{urlencode(request)}", told)

    async def finish(self, back: Back, cookie: str | None, before: str | None) -> Entered:
        """Sign in whoever came back, or raise `NotSignedIn`. `before` is the cookie of who was signed in here."""
        begun = await self._begun(back, cookie)
        issuer = begun.binding.issuer
        try:
            return await self._entered(back, begun, before)
        except (Disbelieved, UnreachableError) as why:
            log.warning("a sign-in at the issuer %s is not believed: %s", issuer.id, why)
            raise NotSignedIn(f"You could not be signed in by {issuer.name}: {why}.") from why

    async def _begun(self, back: Back, cookie: str | None) -> _Begun:
        """Take up what this browser, and no other, began (login CSRF); once."""
        if not all(given and BITS_256.fullmatch(given) for given in (back.state, cookie)):
            raise _unknown()
        began = update(LoginAtIssuer).where(
            col(LoginAtIssuer.state_hash) == hashed(back.state or ""),
            col(LoginAtIssuer.browser_hash) == hashed(cookie or ""),
            col(LoginAtIssuer.consumed_at).is_(None),
            col(LoginAtIssuer.expires_at) > func.clock_timestamp(),
        )
        async with self._database.change(SignIn(), "issuer sign-in") as db:
            rows: Any = await db.rows(began.values(consumed_at=func.clock_timestamp()).returning(LoginAtIssuer))
            binding = await _found(db, str(rows[0].issuer_id)) if rows else None
            if binding is None:
                raise _unknown()
            ring = await ensure_keys(db, self._ourselves)
        return _Begun(binding, rows[0], Redeeming(self._keys.outside, self._ourselves.base_url + BACK, ring))

    async def _entered(self, back: Back, begun: _Begun, before: str | None) -> Entered:
        issuer, login = begun.binding.issuer, begun.login
        if back.iss is not None and back.iss != issuer.iss:
            raise Disbelieved("the answer is another issuer's (RFC 9207)")
        if back.error is not None:
            raise Disbelieved("it ended without a sign-in")
        if back.code is None or not _CODE.fullmatch(back.code):
            raise Disbelieved("there is no code")
        tokens = await begun.redeeming.redeem(issuer, back.code, login.verifier)
        expected = Expected(login.nonce, login.max_age)
        known = await sign_in.read(tokens, issuer, expected, self._keys, time.time())
        arrived = await self._meant(issuer, known)
        await identities.ensure_account(self._database, arrived)
        return Entered(await identities.enter(self._database, arrived, before), login.return_to)

    async def _meant(self, issuer: Issuer, known: Known) -> Arrived:
        """Ask our table now, after all that waiting: it may have changed."""
        async with self._database.transaction(SignIn(), "issuer sign-in", read_only=True) as db:
            binding = await registry.find(db, issuer.id)
        meaning = binding.means(known.codes) if binding else None
        if meaning is None:
            raise Disbelieved("your organisation and role there stand for nobody here; ask your administrator")
        at = known.assurance.authenticated_at or int(time.time())
        return Arrived(known, issuer, meaning, dt.datetime.fromtimestamp(at, dt.UTC))


async def _found(db: Transaction, issuer_id: str) -> Binding | None:
    """Return an issuer that signs people in, with all that it takes."""
    try:
        binding = await registry.find(db, uuid.UUID(issuer_id))
    except ValueError:
        return None
    if binding is None or not binding.is_for(IssuerMode.LOGIN):
        return None
    issuer = binding.issuer
    return binding if issuer.client_id and issuer.authorization_endpoint and issuer.token_endpoint else None


def _unknown() -> NotSignedIn:
    return NotSignedIn("This sign-in was not begun in this browser, is over, or took too long. Begin again.")
