"""What an issuer's tokens must say, those for the API and those of a sign-in alike; anything else is disbelieved."""

import hashlib
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from auth.caller import AAL1, AAL2
from auth.federation.keys import IssuerKeys
from auth.tokens.access_token import LEEWAY, in_time
from auth.tokens.compact import Compact, whole
from schema.people.issuer import Issuer

OF_ISSUERS = r"x[0-9a-f]{16}"  # the names of accounts whose people issuers sign in, before the @

_SUB = re.compile(r"[!-~]{1,255}")


class Disbelieved(Exception):  # noqa: N818 - it names what is so
    """A token of an issuer's is not believed; the message says why, and none of the token's content."""


class Unsigned(Disbelieved):
    """It is not even the issuer's."""


@dataclass(frozen=True)
class Assurance:
    """How surely a person was known, and when; None: the issuer does not say, so that it is never recent."""

    acr: str
    authenticated_at: int | None


async def check_signature(token: Compact, issuer: Issuer, keys: IssuerKeys) -> None:
    """Hold that a key of the issuer's signed, by an algorithm it is registered with; the token brings no key."""
    alg, kid = token.header["alg"], token.header.get("kid")
    if alg not in issuer.algorithms:
        raise Unsigned("its alg is none that its issuer is registered with")
    if not isinstance(kid, str) or not any(
        token.signed_by(key, [alg]) for key in await keys.find(issuer.jwks_uri, kid, alg)
    ):
        raise Unsigned("no key of its issuer's verifies it")


def check(claims: Mapping[str, Any], issuer: Issuer, audience: str, now: float, longest: int) -> None:
    """Hold that the issuer says it, to this audience alone, and now."""
    if claims.get("iss") != issuer.iss:
        raise Disbelieved("its iss is another")
    if claims.get("aud") not in (audience, [audience]):
        raise Disbelieved("its aud is not what its issuer is registered with, alone")
    if not in_time(claims, now, longest):
        raise Disbelieved(f"exp, iat and nbf must be whole numbers, now within them, and at most {longest} s apart")


def subject_in(claims: Mapping[str, Any]) -> str:
    """Return whom the issuer means."""
    sub = claims.get("sub")
    if not isinstance(sub, str) or not _SUB.fullmatch(sub):
        raise Disbelieved("its sub must be 1 to 255 printable letters without spaces")
    return sub


def assurance_in(claims: Mapping[str, Any], issuer: Issuer, now: float) -> Assurance:
    """Return how surely and when the person signed in at the issuer, where that is sure enough."""
    acr, at = claims.get("acr"), whole(claims.get("auth_time"))
    enough = {*issuer.accepted_acr, *issuer.step_up_acr} if issuer.accepted_acr else None
    if enough is not None and not (isinstance(acr, str) and acr in enough):
        raise Disbelieved("its acr is not sure enough")
    if "auth_time" in claims and (at is None or not 0 < at <= now + LEEWAY):
        raise Disbelieved("its auth_time must be a whole number, and past")
    stepped_up = at is not None and isinstance(acr, str) and acr in issuer.step_up_acr
    return Assurance(AAL2 if stepped_up else AAL1, at)


def known_as(issuer: Issuer, sub: str, ods_code: str) -> str:
    """Return the subject that an issuer's sub is here, in one organisation; the sub itself is not kept."""
    return f"x{hash_of(issuer, sub)[:16]}@{ods_code}"


def hash_of(issuer: Issuer, *said: object) -> str:
    """Return the SHA-256 of what an issuer said."""
    return hashlib.sha256(json.dumps([issuer.iss, *map(str, said)]).encode()).hexdigest()
