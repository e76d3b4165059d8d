"""How a person signs in: a password, or one that works once and then a new one; then the second factor.

No connection is held while a password is hashed, and the same work is done whoever is tried.
"""

from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field

from auth.caller import AAL1, AAL2, RECENT, SignIn
from auth.people import browser, credentials, own_sessions, passwords, second_factor, throttle
from auth.people.browser import NEW_PASSWORD, SECOND_FACTOR, Browser
from auth.people.credentials import Tried, is_enrolled, tidied
from auth.people.throttle import Visitor
from auth.tenancy import Database, Transaction
from auth.tokens.issuer import Issuer
from auth.tokens.secret import hashed


@dataclass(frozen=True)
class Wrong:
    """What was given does not prove who it is; never why."""


@dataclass(frozen=True)
class Wait:
    """Too many tries; nothing was looked at."""

    seconds: int


@dataclass(frozen=True)
class Unfit:
    """A new password that may not be chosen, and why."""

    why: str


@dataclass(frozen=True)
class Gone:
    """The step is over: it took too long, or was done already."""


@dataclass(frozen=True)
class Entered:
    """A step was done: the new cookie of the browser, and where it stands now."""

    cookie: str = field(repr=False)
    browser: Browser

    @property
    def left(self) -> str | None:
        """What is left to do first: `second-factor`, `new-password`, or nothing."""
        return None if self.browser.acr in browser.COMPLETE else self.browser.acr


class Doorway:
    """Where people come in: each method is one step of a browser's, in transactions of its own."""

    def __init__(self, database: Database, issuer: Issuer) -> None:
        self._database = database
        self._issuer = issuer

    async def by_password(
        self, subject: str, password: str, visitor: Visitor, before: str | None = None
    ) -> Entered | Wrong | Wait:
        """Sign in by a password; whoever was signed in in this browser by the cookie `before` is no more."""
        subject = tidied(subject)
        counted = throttle.buckets(self._issuer.key, "password", subject, visitor)
        async with self._change("password") as db:
            if wait := await throttle.take(db, counted):
                return Wait(wait)
            tried = await credentials.tried(db, subject, password)
        if not await passwords.matches(tried.kept, tried.password):
            return Wrong()
        renewed = await _renewed(tried)
        async with self._change("password") as db:
            step = await _step_after(db, tried, renewed)
            if step is None:
                return Wrong()
            await throttle.succeeded(db, counted)
            await browser.end(db, hashed(before or ""))
            return await _entered(db, subject, step)

    async def by_code(self, cookie: str | None, code: str, visitor: Visitor) -> Entered | Wrong | Wait | Gone:
        """Prove the second factor, after the password or some minutes later."""
        async with self._change("second factor") as db:
            at = await self.at_second_factor(db, cookie)
            if at is None:
                return Gone()
            counted = throttle.buckets(self._issuer.key, "code", at.subject, visitor)
            if wait := await throttle.take(db, counted):
                return Wait(wait)
            if not await second_factor.use(db, at.subject, code, self._issuer):
                return Wrong()
            await throttle.succeeded(db, counted)
            return await _entered(db, at.subject, AAL2) if await browser.end(db, at.id_hash) else Gone()

    async def enrol(self, cookie: str | None, sealed: str, code: str) -> Entered | Wrong | Gone:
        """Take a new second factor by its first code."""
        async with self._change("enrol") as db:
            at = await self.at_enrolment(db, cookie)
            seed = second_factor.opened_seed(sealed, at.subject, self._issuer) if at else None
            if at is None or seed is None:
                return Gone()
            step = second_factor.step_of(code, seed, (await db.clock()).timestamp())
            if step is None:
                return Wrong()
            taken = await second_factor.enrol(db, at.subject, sealed, step, anew=at.acr == AAL2)
            return await _entered(db, at.subject, AAL2) if taken and await browser.end(db, at.id_hash) else Gone()

    async def new_password(self, cookie: str | None, password: str) -> Entered | Unfit | Gone:
        """Choose a password after one that worked once."""
        async with self._change("new password") as db:
            at = await browser.find(db, cookie, [NEW_PASSWORD])
        return await self._choose(at, password) if at else Gone()

    async def change_password(
        self, at: Browser, current: str, password: str, visitor: Visitor
    ) -> Entered | Wrong | Wait | Unfit | Gone:
        """Change the password of a person who is signed in and gives the current one."""
        counted = throttle.buckets(self._issuer.key, "password", at.subject, visitor)
        async with self._change("password") as db:
            if wait := await throttle.take(db, counted):
                return Wait(wait)
            tried = await credentials.tried(db, at.subject, current)
        if tried.once or not await passwords.matches(tried.kept, tried.password):
            return Wrong()
        async with self._change("password") as db:
            await throttle.succeeded(db, counted)
        return await self._choose(at, password)

    async def at_second_factor(self, db: Transaction, cookie: str | None) -> Browser | None:
        """Return whose second factor this browser may prove: its password was given lately."""
        at = await browser.find(db, cookie, [SECOND_FACTOR, AAL1])
        return at if at and await _is_recent(db, at) and await is_enrolled(db, at.subject) else None

    async def at_enrolment(self, db: Transaction, cookie: str | None) -> Browser | None:
        """Return who may enrol: one without a second factor, or who has just proved the one to be replaced."""
        at = await browser.find(db, cookie)
        if at is None or not await _is_recent(db, at):
            return None
        return at if at.acr == AAL2 or not await is_enrolled(db, at.subject) else None

    async def _choose(self, at: Browser, given: str) -> Entered | Unfit | Gone:
        password = passwords.normalised(given)
        why = passwords.refusal(password, at.subject)
        if why or password is None:
            return Unfit(why or "")
        kept = await passwords.hashed(password)
        async with self._change("new password") as db:
            if not await browser.end(db, at.id_hash):
                return Gone()
            await credentials.replace(db, at.subject, kept)
            await own_sessions.end_all(db, at.subject)
            if at.acr == NEW_PASSWORD:
                return await _entered(db, at.subject, AAL1)
            return Entered(*await browser.start(db, at.subject, at.acr, at.authenticated_at))

    def _change(self, what: str) -> AbstractAsyncContextManager[Transaction]:
        return self._database.change(SignIn(), f"sign-in {what}")


async def _step_after(db: Transaction, proved: Tried, renewed: str | None) -> str | None:
    """Return where a person stands by the password that was right, None where it is so no longer."""
    if proved.once:
        return NEW_PASSWORD if await credentials.used_up(db, proved) else None
    if not await credentials.still_kept(db, proved, renewed):
        return None
    return SECOND_FACTOR if await is_enrolled(db, proved.subject) else AAL1


async def _entered(db: Transaction, subject: str, acr: str) -> Entered:
    return Entered(*await browser.start(db, subject, acr, await db.clock()))


async def _is_recent(db: Transaction, at: Browser) -> bool:
    """Tell whether we signed this person in within the time in which it may decide."""
    age = await db.clock() - at.authenticated_at
    return at.issuer is None and age.total_seconds() <= RECENT


async def _renewed(tried: Tried) -> str | None:
    """Return the hash of a right password by today's parameters, None where it is kept so already."""
    if tried.once or not tried.kept or not tried.password or not passwords.is_outdated(tried.kept):
        return None
    return await passwords.hashed(tried.password)
