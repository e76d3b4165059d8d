"""The verifier: from a bearer token to the caller, with revocation known within 5 s on every replica."""

import hashlib
import time
from collections import OrderedDict
from dataclasses import dataclass

from auth.caller import Caller
from auth.tenancy import Database
from auth.tokens import access_token
from auth.tokens.access_token import LEEWAY, AccessToken, Unauthenticated
from auth.tokens.issuer import Issuer
from auth.tokens.standing import COOL_DOWN, Standing, Watch

REMEMBERED = 4096
REMEMBERED_FOR = 60.0


@dataclass(frozen=True, slots=True)
class _Believed:
    caller: Caller
    kid: str
    since: float


class Verifier:
    """Turns access tokens into callers."""

    def __init__(self, issuer: Issuer, database: Database) -> None:
        self._issuer = issuer
        self._watch = Watch(database)
        self._believed: OrderedDict[bytes, _Believed] = OrderedDict()

    async def verify(self, token: str) -> Caller:
        """Return the caller of a token, or raise `Unauthenticated` (401) or `SignInUnavailable` (503)."""
        standing = await self._watch.look()
        digest = hashlib.sha256(token.encode("utf-8", "surrogatepass")).digest()
        believed = self._remembered(digest)
        if believed is None:
            believed, standing = await self._believe(token, standing)
            self._remember(digest, believed)
        _refuse_revoked(believed, standing)
        return believed.caller

    async def _believe(self, token: str, standing: Standing) -> tuple[_Believed, Standing]:
        kid = access_token.key_id(token)
        if kid not in standing.keys:
            standing = await self._watch.look(within=COOL_DOWN)
        found = access_token.read(token, self._issuer, standing.keys, time.time())
        return _Believed(_caller(found), kid, time.monotonic()), standing

    def _remembered(self, digest: bytes) -> _Believed | None:
        believed = self._believed.get(digest)
        if believed and time.monotonic() - believed.since > REMEMBERED_FOR:
            del self._believed[digest]
            return None
        return believed

    def _remember(self, digest: bytes, believed: _Believed) -> None:
        self._believed[digest] = believed
        while len(self._believed) > REMEMBERED:
            self._believed.popitem(last=False)


def _caller(token: AccessToken) -> Caller:
    return Caller(
        token.tenant_ods,
        token.kind,
        token.subject,
        token.scopes,
        token.token_id,
        token.expires_at,
        token.client_id,
        token.person,
    )


def _refuse_revoked(believed: _Believed, standing: Standing) -> None:
    caller = believed.caller
    if caller.expires_at <= time.time() - LEEWAY:
        raise Unauthenticated("invalid_token", "The access token has expired, or is not valid yet.")
    if (
        believed.kid not in standing.keys
        or caller.token_id in standing.revoked_tokens
        or caller.client_id in standing.revoked_clients
        or (caller.person and caller.person.session_id in standing.ended_sessions)
    ):
        raise Unauthenticated("invalid_token", "The access token was revoked.")
