"""The second factor: a code of the person's own device every 30 seconds (TOTP, RFC 6238), each used once."""

import hmac
import re

import pyotp
import segno
from sqlalchemy import or_, update
from sqlmodel import col, select

from auth.people.tables import Credential
from auth.tenancy import Transaction
from auth.tokens.issuer import Issuer
from auth.tokens.sealing import BrokenSealError, seal, unseal

STEP = 30  # seconds
_DRIFT = (0, -1, 1)  # steps that a device's clock may be off by
_CODE = re.compile(r"[0-9]{6}")
_ABOUT = "second factor of {}"


def new_seed() -> str:
    """Return a new seed, 160 bits in base 32."""
    return pyotp.random_base32()


def sealed_seed(seed: str, subject: str, issuer: Issuer) -> str:
    """Return a seed as it is kept, for this person alone."""
    return seal(seed, _ABOUT.format(subject), issuer.key)


def opened_seed(sealed: str, subject: str, issuer: Issuer) -> str | None:
    """Return the seed that was sealed for this person, None for anything else."""
    try:
        return unseal(sealed, _ABOUT.format(subject), issuer.key)
    except BrokenSealError:
        return None


def address(seed: str, subject: str) -> str:
    """Return what an authenticator application reads from the picture."""
    return pyotp.TOTP(seed).provisioning_uri(name=subject, issuer_name="reinstate")


def picture(seed: str, subject: str) -> str:
    """Return that address as a picture to scan, in SVG."""
    code = segno.make(address(seed, subject), error="m", micro=False)
    title = "Picture to scan with an authenticator application"
    return code.svg_inline(scale=5, border=4, light="#fff", title=title, svgclass=None, lineclass=None)


def step_of(code: str, seed: str, now: float) -> int | None:
    """Return the time step that a code belongs to, None where it is wrong or too old."""
    typed = re.sub(r"[\s-]", "", code)
    if not _CODE.fullmatch(typed):
        return None
    device, current = pyotp.TOTP(seed, interval=STEP), int(now) // STEP
    found = None
    for step in (current + drift for drift in _DRIFT):
        if hmac.compare_digest(device.generate_otp(step), typed) and found is None:
            found = step
    return found


async def use(db: Transaction, subject: str, code: str, issuer: Issuer) -> bool:
    """Tell whether a code is the person's, and use it up: it, and those before it, work no more."""
    row = await db.one(select(Credential).where(col(Credential.subject) == subject))
    seed = opened_seed(row.totp_sealed, subject, issuer) if row and row.totp_sealed else None
    step = step_of(code, seed, (await db.clock()).timestamp()) if seed else None
    if row is None or step is None:
        return False
    last = col(Credential.totp_step)
    used = (
        update(Credential)
        .where(col(Credential.subject) == subject, col(Credential.totp_sealed) == row.totp_sealed)
        .where(or_(last.is_(None), last < step))
        .values(totp_step=step)
        .returning(col(Credential.subject))
    )
    return bool(await db.rows(used))


async def enrol(db: Transaction, subject: str, sealed: str, step: int, *, anew: bool) -> bool:
    """Keep a person's seed, whose first code was just used; one that is there is replaced only when said so."""
    free = [] if anew else [col(Credential.totp_sealed).is_(None)]
    kept = (
        update(Credential)
        .where(col(Credential.subject) == subject, *free)
        .values(totp_sealed=sealed, totp_step=step)
        .returning(col(Credential.subject))
    )
    return bool(await db.rows(kept))
