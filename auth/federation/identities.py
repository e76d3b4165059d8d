"""Whom an issuer's person is here: an account of the organisation it speaks for, and of no other."""

import datetime as dt
from dataclasses import dataclass

from sqlalchemy import case
from sqlalchemy.dialects.postgresql import insert
from sqlmodel import col, select

from auth.caller import Operator, SignIn
from auth.federation.claims import Disbelieved, hash_of, known_as
from auth.federation.registry import Meaning
from auth.federation.sign_in import Known
from auth.federation.tables import FederatedIdentity
from auth.people import browser
from auth.tenancy import Database, Transaction
from schema.people.account import Account, AccountStatus
from schema.people.issuer import Issuer


@dataclass(frozen=True)
class Arrived:
    """A person whom an issuer signed in, and what our table makes of that."""

    known: Known
    issuer: Issuer
    meaning: Meaning
    at: dt.datetime

    @property
    def subject(self) -> str:
        """The account's name."""
        return known_as(self.issuer, self.known.sub, self.meaning.tenant_ods)


async def ensure_account(database: Database, arrived: Arrived) -> None:
    """Make the account at the first sign-in; refuse one that is suspended, or was signed out since."""
    async with database.change(Operator(arrived.meaning.tenant_ods, "sign-in"), "issuer sign-in") as db:
        await db.lock(f"account:{arrived.subject}")
        account = await db.one(select(Account).where(col(Account.subject) == arrived.subject))
        if account is None:
            await db.keep(Account(**{**db.made, "subject": arrived.subject}))
            return
    if account.status is not AccountStatus.ACTIVE:
        raise Disbelieved("the account is suspended here")
    if account.signed_out_at is not None and arrived.at <= account.signed_out_at:
        raise Disbelieved("the account was signed out here since the sign-in there; sign in afresh at the issuer")


async def enter(database: Database, arrived: Arrived, before: str | None) -> str:
    """Sign the person in in the browser, as its issuer's binding says; return the cookie. `before` is who goes."""
    async with database.change(SignIn(), "issuer sign-in") as db:
        sub_hash = hash_of(arrived.issuer, arrived.known.sub)
        await note(db, arrived.issuer, sub_hash, arrived.subject, arrived.meaning)
        gone = await browser.find(db, before)
        if gone is not None:
            await browser.end(db, gone.id_hash)
        meaning = arrived.meaning
        cookie, _ = await browser.start(
            db,
            arrived.subject,
            arrived.known.assurance.acr,
            arrived.at,
            issuer=arrived.issuer.iss,
            tenant_ods=meaning.tenant_ods,
            roles=sorted(role.value for role in meaning.roles),
        )
    return cookie


async def note(db: Transaction, issuer: Issuer, sub_hash: str, subject: str, meaning: Meaning) -> None:
    """Keep whom an issuer's sub stands for, and the mappings that it came by."""
    key = {"issuer_id": issuer.id, "sub_hash": sub_hash, "tenant_ods": meaning.tenant_ods}
    noted = insert(FederatedIdentity).values(**key, subject=subject, mappings=sorted(meaning.mappings))
    before, now = FederatedIdentity.__table__.c.mappings, noted.excluded.mappings  # type: ignore[attr-defined] # SQLModel's
    both = case((before.contains(now), before), else_=before.concat(now))
    await db.write(noted.on_conflict_do_update(index_elements=list(key), set_={"mappings": both}))
