"""A person's own sessions, as its account page shows and ends them: in browsers, and at applications."""

import datetime as dt
import re
import uuid
from dataclasses import dataclass

from sqlalchemy import ColumnElement, Update, func, update
from sqlmodel import col, select

from auth.people.browser import COMPLETE, Browser
from auth.people.sessions import living
from auth.people.tables import BrowserSession
from auth.tenancy import Transaction
from schema.people.session import Session

_MOST_SHOWN = 50
_LETTERS = 16  # of a browser's hash name it on a page, and are of no other use


@dataclass(frozen=True)
class Own:
    """A session of one's own; `key` names it to end it, and is no secret; `client_id` None: a browser's."""

    key: str
    client_id: str | None
    tenant_ods: str | None
    acr: str
    started_at: dt.datetime
    expires_at: dt.datetime
    current: bool = False


async def listed(db: Transaction, at: Browser) -> list[Own]:
    """Return the living sessions of who is signed in in a browser, the latest of each kind first."""
    in_browsers = select(BrowserSession).where(*_in_browsers(at.subject), col(BrowserSession.acr).in_(COMPLETE))
    browsers = await db.all(in_browsers.order_by(col(BrowserSession.started_at).desc()).limit(_MOST_SHOWN))
    at_applications = select(Session).where(col(Session.subject) == at.subject, living())
    sessions = await db.all(at_applications.order_by(col(Session.started_at).desc()).limit(_MOST_SHOWN))
    return [*(_of_browser(row, at) for row in browsers), *(_of_application(row) for row in sessions)]


async def end(db: Transaction, subject: str, key: str) -> None:
    """End a session of one's own; another's, and a made-up one, stay as they are."""
    if re.fullmatch(rf"[0-9a-f]{{{_LETTERS}}}", key):
        named = func.left(col(BrowserSession.id_hash), _LETTERS) == key
        await db.write(_ending(BrowserSession).where(*_in_browsers(subject), named))
        return
    try:
        id_ = uuid.UUID(key)
    except ValueError:
        return
    await db.write(_ending(Session).where(*_at_applications(subject), col(Session.id) == id_))


async def end_all(db: Transaction, subject: str) -> None:
    """Sign a person out everywhere: the tokens of its sessions stop within 5 seconds."""
    await db.write(_ending(BrowserSession).where(*_in_browsers(subject)))
    await db.write(_ending(Session).where(*_at_applications(subject)))


def _in_browsers(subject: str) -> tuple[ColumnElement[bool], ...]:
    alive = col(BrowserSession.ended_at).is_(None), col(BrowserSession.expires_at) > func.clock_timestamp()
    return col(BrowserSession.subject) == subject, *alive


def _at_applications(subject: str) -> tuple[ColumnElement[bool], ...]:
    return col(Session.subject) == subject, col(Session.ended_at).is_(None)


def _ending(noun: type[BrowserSession] | type[Session]) -> Update:
    return update(noun).values(ended_at=func.clock_timestamp())


def _of_browser(row: BrowserSession, at: Browser) -> Own:
    here = row.id_hash == at.id_hash
    return Own(row.id_hash[:_LETTERS], None, row.tenant_ods, row.acr, row.started_at, row.expires_at, here)


def _of_application(row: Session) -> Own:
    return Own(str(row.id), row.client_id, row.tenant_ods, row.acr, row.started_at, row.expires_at)
