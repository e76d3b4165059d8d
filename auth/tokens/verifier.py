"""The verifier: from an access token to the caller, with revocation known within 5 s on every replica."""

import hashlib
import time
from collections import OrderedDict
from collections.abc import Iterable
from dataclasses import dataclass
from typing import NamedTuple

from auth.caller import Caller, Person
from auth.federation import external
from auth.federation.external import Said
from auth.federation.keys import IssuerKeys
from auth.federation.outside import Outside, Reach
from auth.grants.dpop import BadProof, Proof, Sent, read_proof
from auth.grants.proofs import ERROR, USED_BEFORE, first_use
from auth.tenancy import Database
from auth.tokens import access_token
from auth.tokens.access_token import LEEWAY, AccessToken, Unauthenticated
from auth.tokens.issuer import Issuer
from auth.tokens.standing import COOL_DOWN, Standing, Watch

DPOP = "DPoP"
REMEMBERED = 4096
REMEMBERED_FOR = 60.0


class Shown(NamedTuple):
    """A proof, and the method of the request that it came with."""

    proof: str
    method: str


@dataclass(frozen=True, slots=True, eq=False)
class Admitted:
    """A token that was believed: whose it is, and by what it holds."""

    caller: Caller
    kid: str
    since: float
    jkt: str | None = None  # the key that it is bound to
    said: Said | None = None  # by an issuer that is not us

    def holds(self, standing: Standing) -> bool:
        """Tell whether whoever said it is still believed."""
        if self.said is None:
            return self.kid in standing.keys
        return self.said.holds(standing.issuers) and self.caller.subject not in standing.suspended


class Verifier:
    """Turns access tokens into callers."""

    def __init__(self, issuer: Issuer, database: Database, keys: IssuerKeys | None = None) -> None:
        self._issuer = issuer
        self._issuer_keys = keys or IssuerKeys(Outside(Reach.of(issuer)))
        self._database = database
        self._watch = Watch(database)
        self._believed: OrderedDict[bytes, Admitted] = OrderedDict()

    async def verify(self, token: str, shown: Shown | None = None) -> Caller:
        """Return the caller of a token, or raise `Unauthenticated` (401) or `SignInUnavailable` (503).

        `shown`: it came with a proof, as a token that is bound to a key must (RFC 9449, 7).
        """
        return (await self.admit(token, shown)).caller

    async def admit(self, token: str, shown: Shown | None = None) -> Admitted:
        """Do the same for somebody who stays: return what is asked about again with `over`."""
        standing = await self._watch.look()
        digest = hashlib.sha256(token.encode("utf-8", "surrogatepass")).digest()
        believed = self._remembered(digest)
        if believed is None or (believed.said and not believed.said.holds(standing.issuers)):
            believed, standing = await self._believe(token, standing)
            self._remember(digest, believed)
        _refuse_revoked(believed, standing)
        if believed.jkt is not None or shown is not None:
            await self._hold(believed.jkt, token, shown)
        return believed

    async def over(self, admitted: Iterable[Admitted]) -> list[Admitted]:
        """Return those whose token has expired, to the second, or was revoked; `SignInUnavailable`: nobody knows."""
        standing, now = await self._watch.look(), time.time()
        return [each for each in admitted if each.caller.expires_at <= now or _is_revoked(each, standing)]

    async def _hold(self, jkt: str | None, token: str, shown: Shown | None) -> None:
        """Hold that the sender has the key that a token is bound to, and use the proof up."""
        if shown is None:
            raise Unauthenticated("invalid_token", "The access token is bound to a key; send it with a proof.", DPOP)
        if jkt is None:
            raise Unauthenticated("invalid_token", "The access token is bound to no key; send it as Bearer.")
        proven = _read(shown.proof, Sent(shown.method, self._issuer.audience, token))
        if proven.jkt != jkt:
            raise Unauthenticated("invalid_token", "The access token is bound to another key.", DPOP)
        if not await first_use(self._database, proven):
            raise Unauthenticated(ERROR, USED_BEFORE, DPOP)

    async def _believe(self, token: str, standing: Standing) -> tuple[Admitted, Standing]:
        said = await external.believe(token, standing.issuers, self._issuer_keys, time.time())
        if said is not None:
            return Admitted(said.caller, "", time.monotonic(), said.jkt, said), await self._watch.look()
        kid = access_token.key_id(token)
        if kid not in standing.keys:
            standing = await self._watch.look(within=COOL_DOWN)
        found = access_token.read(token, self._issuer, standing.keys, time.time())
        return Admitted(_caller(found), kid, time.monotonic(), found.jkt), standing

    def _remembered(self, digest: bytes) -> Admitted | None:
        believed = self._believed.get(digest)
        if believed and time.monotonic() - believed.since > REMEMBERED_FOR:
            del self._believed[digest]
            return None
        return believed

    def _remember(self, digest: bytes, believed: Admitted) -> None:
        self._believed[digest] = believed
        while len(self._believed) > REMEMBERED:
            self._believed.popitem(last=False)


def _read(proof: str, sent: Sent) -> Proof:
    try:
        return read_proof(proof, sent, time.time())
    except BadProof as bad:
        raise Unauthenticated(ERROR, str(bad), DPOP) from bad


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


def _is_signed_out(subject: str, person: Person, standing: Standing) -> bool:
    if subject in standing.suspended or person.authenticated_at < standing.signed_out.get(subject, 0):
        return True
    return person.session_id in standing.ended_sessions


def _refuse_revoked(believed: Admitted, standing: Standing) -> None:
    if believed.caller.expires_at <= time.time() - LEEWAY:
        raise Unauthenticated("invalid_token", "The access token has expired, or is not valid yet.")
    if _is_revoked(believed, standing):
        raise Unauthenticated("invalid_token", "The access token was revoked.")


def _is_revoked(believed: Admitted, standing: Standing) -> bool:
    caller = believed.caller
    return bool(
        not believed.holds(standing)
        or caller.token_id in standing.revoked_tokens
        or caller.client_id in standing.revoked_clients
        or (caller.person and _is_signed_out(caller.subject, caller.person, standing))
    )
