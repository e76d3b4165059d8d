"""The keys that access tokens are signed with: made once for all replicas, encrypted at rest, rotated."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from joserfc.jwk import ECKey, KeySet
from sqlalchemy import delete, insert, update
from sqlmodel import col, select

from auth.tables import KeyState, SigningKey
from auth.tenancy import Transaction
from auth.tokens.issuer import Issuer
from auth.tokens.sealing import BrokenSealError, seal, unseal
from schema.organisation import Organisation
from schema.problem import NotFound

ALGORITHM = "ES256"


class SigningKeyUnreadableError(Exception):
    """The signing keys in the database were encrypted with another key."""


@dataclass(frozen=True)
class Ring:
    """The signing keys: `current` signs, every public one is published."""

    current: KeySet = field(repr=False)
    public: Mapping[str, dict[str, Any]]

    @property
    def verifying(self) -> dict[str, ECKey]:
        """The keys that verify tokens, by kid."""
        return {kid: ECKey.import_key(jwk) for kid, jwk in self.public.items()}


async def ensure_keys(db: Transaction, issuer: Issuer) -> Ring:
    """Return the signing keys, making them at first use; replicas that race make one set."""
    rows = await _rows(db)
    if len({KeyState.CURRENT, KeyState.NEXT} & rows.keys()) < 2:  # noqa: PLR2004 - both
        await db.lock("signing-key")
        rows = await _rows(db)
        for state in {KeyState.CURRENT, KeyState.NEXT} - rows.keys():
            rows[state] = await _make(db, issuer, state)
    return Ring(KeySet([_unseal(rows[KeyState.CURRENT], issuer)]), {row.kid: row.public_jwk for row in rows.values()})


async def rotate(db: Transaction, issuer: Issuer) -> Ring | NotFound:
    """Let the next key sign; the one before still verifies. Leave 10 minutes between two rotations.

    As `Operator`: the ledger notes it in the history of the organisation that it acts for.
    """
    ods_code = db.caller.tenant_ods
    if not await db.all(select(Organisation.ods_code).where(col(Organisation.ods_code) == ods_code)):
        return NotFound(message=f"No organisation {ods_code} is listed.", next_step="Name one that is listed.")
    await ensure_keys(db, issuer)
    await db.lock("signing-key")
    state = col(SigningKey.state)
    await db.write(delete(SigningKey).where(state == KeyState.PREVIOUS))
    await db.write(
        update(SigningKey).where(state == KeyState.CURRENT).values(state=KeyState.PREVIOUS, private_jwe=None)
    )
    await db.write(update(SigningKey).where(state == KeyState.NEXT).values(state=KeyState.CURRENT))
    return await ensure_keys(db, issuer)


async def _rows(db: Transaction) -> dict[KeyState, SigningKey]:
    return {row.state: row for row in await db.all(select(SigningKey))}


async def _make(db: Transaction, issuer: Issuer, state: KeyState) -> SigningKey:
    key = ECKey.generate_key("P-256", auto_kid=True)
    public = {"kid": key.kid, "use": "sig", "alg": ALGORITHM, **key.as_dict(private=False)}
    sealed = seal(json.dumps(key.as_dict(private=True)), str(key.kid), issuer.key)
    row = SigningKey(kid=str(key.kid), state=state, public_jwk=public, private_jwe=sealed)
    await db.write(insert(SigningKey).values(row.model_dump(include={"kid", "state", "public_jwk", "private_jwe"})))
    return row


def _unseal(row: SigningKey, issuer: Issuer) -> ECKey:
    try:
        opened = unseal(row.private_jwe or "", row.kid, issuer.key)
    except BrokenSealError as error:
        raise SigningKeyUnreadableError(
            "The signing keys in the database were encrypted with another key: "
            "give back the installation's key file, or have the table signing_key emptied to start afresh."
        ) from error
    key = ECKey.import_key(json.loads(opened))
    if key.kid != row.kid:
        raise SigningKeyUnreadableError(f"The signing key {row.kid} holds another key; rotate the keys.")
    return key
