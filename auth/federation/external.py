"""An issuer's own access token at the API (RFC 9068): believed within its binding, and never beyond it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from auth.caller import AAL2, Caller, Person
from auth.federation.claims import (
    Disbelieved,
    Unsigned,
    assurance_in,
    check,
    check_signature,
    hash_of,
    known_as,
    subject_in,
)
from auth.federation.keys import IssuerKeys
from auth.federation.registry import Binding, Bindings, Codes, Meaning, codes_in
from auth.scope import PERSONAL, Scope, named, scopes_for
from auth.tokens.access_token import Unauthenticated
from auth.tokens.compact import Compact, NotCompactError, read_compact
from auth.tokens.secret import BITS_256
from schema.people.issuer import Issuer, IssuerMode, IssuerShape

LONGEST = 8192
LONGEST_LIFE = 3600
_TYPES = {"at+jwt", "application/at+jwt"}
_OF_ID_TOKENS = {"nonce", "at_hash", "c_hash", "s_hash"}
_LONGEST_JTI = 400


@dataclass(frozen=True, slots=True)
class Said:
    """A caller by an issuer's word, for as long as its binding means the same by the same codes."""

    caller: Caller
    jkt: str | None
    issuer: Issuer
    sub_hash: str
    mode: IssuerMode
    codes: Codes
    meaning: Meaning

    def holds(self, bindings: Bindings) -> bool:
        """Tell whether the issuer, and what its codes mean, are still as they were."""
        for binding in bindings.get(self.issuer.iss, ()):
            if binding.issuer.id == self.issuer.id:
                return binding.is_for(self.mode) and binding.means(self.codes) == self.meaning
        return False


async def believe(
    token: str, bindings: Bindings, keys: IssuerKeys, now: float, mode: IssuerMode = IssuerMode.ACCESS
) -> Said | None:
    """Return who an issuer says is asking; None: no issuer of ours' says it. Raises `Unauthenticated`."""
    try:
        compact = read_compact(token, LONGEST)
    except NotCompactError:
        return None
    iss = compact.claims.get("iss")
    found = bindings.get(iss, ()) if isinstance(iss, str) else ()
    # NHS CIS2 says organisation and role at its userinfo alone: its access tokens say too little for us.
    bound = [each for each in found if each.is_for(mode) and each.issuer.shape is IssuerShape.PLAIN]
    return await _by_any(compact, bound, keys, now, mode) if bound else None


async def _by_any(
    token: Compact, bound: Sequence[Binding], keys: IssuerKeys, now: float, mode: IssuerMode
) -> Said | None:
    """Try each binding: two organisations may have registered one provider, each for its own people."""
    why = ""
    for binding in bound:
        try:
            return await _by(token, binding, keys, now, mode)
        except Unsigned as error:
            why = why or str(error)
        except Disbelieved as error:
            why = str(error)
    raise Unauthenticated("invalid_token", f"The issuer's access token is not believed: {why}.")


async def _by(token: Compact, binding: Binding, keys: IssuerKeys, now: float, mode: IssuerMode) -> Said:
    issuer, claims = binding.issuer, token.claims
    kind = token.header.get("typ")
    if not isinstance(kind, str) or kind.lower() not in _TYPES or _OF_ID_TOKENS & claims.keys():
        raise Disbelieved("it is no access token: its typ must be at+jwt, and it must say nothing of a sign-in")
    await check_signature(token, issuer, keys)
    check(claims, issuer, issuer.token_audience, now, LONGEST_LIFE)
    sub = subject_in(claims)
    codes = codes_in(claims.get(issuer.org_claim), claims.get(issuer.role_claim))
    meaning = binding.means(codes) if codes else None
    if codes is None or meaning is None:
        raise Disbelieved("its organisation and role codes stand for nobody here")
    person = _person(claims, issuer, meaning, now)
    caller = Caller(
        meaning.tenant_ods,
        meaning.kind,
        known_as(issuer, sub, meaning.tenant_ods),
        _scopes(claims, meaning, person),
        person.session_id,
        claims["exp"],
        issuer.iss,
        person,
    )
    return Said(caller, _bound_to(claims), issuer, hash_of(issuer, sub), mode, codes, meaning)


def _person(claims: Mapping[str, Any], issuer: Issuer, meaning: Meaning, now: float) -> Person:
    assurance = assurance_in(claims, issuer, now)
    jti = claims.get("jti", "")
    if not isinstance(jti, str) or len(jti) > _LONGEST_JTI:
        raise Disbelieved("its jti must be a short text")
    said = [jti] if jti else [claims["sub"], claims["iat"]]
    session_id = f"x{hash_of(issuer, *said)}"
    return Person(meaning.roles, session_id, assurance.acr, assurance.authenticated_at or 0)


def _scopes(claims: Mapping[str, Any], meaning: Meaning, person: Person) -> frozenset[Scope]:
    scope = claims.get("scope", "")
    if not isinstance(scope, str):
        raise Disbelieved("its scope must be a text, its names divided by spaces")
    held = named(scope.split(" "), scopes_for(meaning.roles, meaning.kind))
    return held if person.acr == AAL2 else held - PERSONAL


def _bound_to(claims: Mapping[str, Any]) -> str | None:
    """Return the key that the token is bound to; a binding that we cannot hold it to is refused."""
    if "cnf" not in claims:
        return None
    match claims["cnf"]:
        case {"jkt": str(jkt), **others} if not others and BITS_256.fullmatch(jkt):
            return jkt
    raise Disbelieved("it is bound to its sender by something other than DPoP")
