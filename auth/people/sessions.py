"""Sessions: which there are, and how an administrator ends them; their tokens stop within 5 seconds."""

from sqlalchemy import TEXT, ColumnElement, and_, any_, cast, exists, func
from sqlmodel import col, select

from auth.caller import Administering, Caller
from auth.tenancy import Transaction, key_of
from schema.kept.question import Page
from schema.people.account import Role
from schema.people.session import EndSession, Session, SessionEnd, is_over
from schema.problem import AlreadyDecided, NotFound


async def end(db: Transaction, caller: Administering, input: EndSession) -> SessionEnd | NotFound | AlreadyDecided:
    """End a session of the caller's organisation: its tokens stop within 5 seconds, and it gets no more."""
    key = key_of(Session, input.session)  # of no session: null, equal to none
    session = await db.one(select(Session).where(col(Session.id) == key))
    if session is None or session.tenant_ods != caller.tenant_ods:
        return NotFound(path=["input", "session"])
    await db.lock(session.id)
    ended = await db.one(select(SessionEnd).where(col(SessionEnd.session_id) == session.id))
    if ended or is_over(session, await db.clock()):
        return AlreadyDecided(message="This session is over.", next_step="Ask for it again.")
    return await _end(db, session, input.reason)


async def end_of(db: Transaction, caller: Administering, subject: str, reason: str, role: Role | None = None) -> None:
    """End what a person is signed in at: as this role in the caller's organisation, or altogether.

    An administrator reaches the sessions of the own organisation alone, the operator those everywhere.
    """
    conditions = [living(), col(Session.subject) == subject]
    if role is not None:
        conditions.append(cast(role.value, TEXT) == any_(col(Session.roles)))
    if role is not None or isinstance(caller, Caller):
        conditions.append(col(Session.tenant_ods) == caller.tenant_ods)
    for session in await db.all(select(Session).where(*conditions).order_by(col(Session.id))):
        await _end(db, session, reason)


def listed(subject: str | None = None, living_now: bool | None = None) -> Page[Session]:
    """Return the sessions the caller may see, in the order they began; `livingNow`: those that are not over."""
    found = select(Session)
    if subject is not None:
        found = found.where(col(Session.subject) == subject)
    if living_now is not None:
        found = found.where(living() == living_now)
    return Page(found)


def living() -> ColumnElement[bool]:
    """Return the condition that a session is not over."""
    return and_(
        col(Session.ended_at).is_(None),
        col(Session.expires_at) > func.clock_timestamp(),
        ~exists().where(
            col(SessionEnd.tenant_ods) == col(Session.tenant_ods), col(SessionEnd.session_id) == col(Session.id)
        ),
    )


async def _end(db: Transaction, session: Session, reason: str) -> SessionEnd:
    made = {**db.made, "tenant_ods": session.tenant_ods}
    return await db.keep(SessionEnd(**made, session_id=session.id, subject=session.subject, reason=reason))
