"""Proofs of DPoP that were used: each once for its key, whichever replica it comes to (RFC 9449, 11.1)."""

import datetime as dt
import time
from typing import Any

from sqlalchemy.dialects.postgresql import insert
from sqlmodel import col

from auth.caller import SignIn
from auth.grants.dpop import BadProof, Proof, Sent, read_proof
from auth.grants.tables import UsedProof
from auth.server.form import Refused
from auth.server.waiting import Waiting
from auth.tenancy import Database
from auth.tokens.secret import hashed

ERROR = "invalid_dpop_proof"
USED_BEFORE = "The proof was used before; make one for every request."


def proven_key(db: Waiting, text: str | None, url: str, *, must: bool = False) -> str | None:
    """Return the key (jkt) that a form's DPoP header proves, used up; None: it has none, and need not."""
    if text is None and not must:
        return None
    if text is None:
        raise _refused("This client's tokens are bound to a key; send a proof in the DPoP header.")
    try:
        proof = read_proof(text, Sent("POST", url), time.time())
    except BadProof as bad:
        raise _refused(str(bad)) from bad
    if db.first(_use_of(proof)) is None:
        raise _refused(USED_BEFORE)
    return proof.jkt


async def first_use(database: Database, proof: Proof) -> bool:
    """Use up a proof that came with a token; tell whether it was not used before."""
    async with database.change(SignIn(), "proof") as db:
        return bool(await db.rows(_use_of(proof)))


def _refused(why: str) -> Refused:
    return Refused(why, error=ERROR)


def _use_of(proof: Proof) -> Any:
    return (
        insert(UsedProof)
        .values(jkt=proof.jkt, jti=hashed(proof.jti), expires_at=dt.datetime.fromtimestamp(proof.expires_at, dt.UTC))
        .on_conflict_do_nothing()
        .returning(col(UsedProof.jti))
    )
