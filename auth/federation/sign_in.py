"""What an issuer says of a person who signed in at it: its id_token (OpenID Connect Core, 3.1.3.7) and userinfo."""

import hmac
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from auth.federation.claims import Assurance, Disbelieved, assurance_in, check, check_signature, subject_in
from auth.federation.keys import IssuerKeys
from auth.federation.outside import Outside
from auth.federation.registry import Codes, codes_in
from auth.tokens.access_token import LEEWAY
from auth.tokens.compact import NotCompactError, read_compact
from schema.people.issuer import Issuer, IssuerShape

LONGEST = 16_384
LONGEST_LIFE = 86_400
LONGEST_AGO = 43_200  # seconds: as long as a browser stays signed in here
_ACCESS_TOKENS = {"at+jwt", "application/at+jwt"}


@dataclass(frozen=True)
class Expected:
    """What was asked of the issuer: the nonce that its answer repeats, and how long ago the sign-in may be."""

    nonce: str
    max_age: int


@dataclass(frozen=True)
class Known:
    """A person as its issuer knows it, before our table says what that means."""

    sub: str
    assurance: Assurance
    codes: Codes


async def read(tokens: Mapping[str, Any], issuer: Issuer, expected: Expected, keys: IssuerKeys, now: float) -> Known:
    """Return whom the answer of a token endpoint is about, or raise `Disbelieved`."""
    claims = await _id_token(tokens.get("id_token"), issuer, keys, now)
    nonce = claims.get("nonce")
    if not isinstance(nonce, str) or not hmac.compare_digest(nonce.encode("utf-8", "replace"), expected.nonce.encode()):
        raise Disbelieved("its nonce is not that of this sign-in")
    sub, assurance = subject_in(claims), assurance_in(claims, issuer, now)
    at = assurance.authenticated_at
    if at is None and expected.max_age < LONGEST_AGO:
        raise Disbelieved("the issuer does not say when the person signed in (auth_time), though it was asked")
    if at is not None and now - at > expected.max_age + LEEWAY:
        raise Disbelieved("the sign-in at the issuer was too long ago")
    if issuer.shape is IssuerShape.PLAIN:
        codes = codes_in(claims.get(issuer.org_claim), claims.get(issuer.role_claim))
    else:
        codes = selected_role(claims, await _userinfo(tokens.get("access_token"), issuer, sub, keys.outside))
    if codes is None:
        raise Disbelieved("the issuer says no organisation and role")
    return Known(sub, assurance, codes)


async def _id_token(text: object, issuer: Issuer, keys: IssuerKeys, now: float) -> dict[str, Any]:
    try:
        token = read_compact(text if isinstance(text, str) else "", LONGEST)
    except NotCompactError as error:
        raise Disbelieved("there is no id_token") from error
    if str(token.header.get("typ", "JWT")).lower() in _ACCESS_TOKENS:
        raise Disbelieved("what it calls its id_token is an access token")
    await check_signature(token, issuer, keys)
    check(token.claims, issuer, str(issuer.client_id), now, LONGEST_LIFE)
    if token.claims.get("azp", issuer.client_id) != issuer.client_id:
        raise Disbelieved("its azp is another client")
    return token.claims


async def _userinfo(access_token: object, issuer: Issuer, sub: str, outside: Outside) -> dict[str, Any]:
    if not isinstance(access_token, str) or not access_token.isascii() or not access_token.isprintable():
        raise Disbelieved("there is no access token")
    told = await outside.get(issuer.userinfo_endpoint or "", access_token)
    if not isinstance(told, dict) or told.get("sub") != sub:
        raise Disbelieved("its userinfo is about somebody else (OpenID Connect Core, 5.3.2)")
    return told


def selected_role(claims: Mapping[str, Any], userinfo: Mapping[str, Any]) -> Codes | None:
    """Return the one role a person took at NHS CIS2 for this session, None when there is not exactly one.

    The id_token names it (`selected_roleid`, of the scope selectedrole); userinfo lists all the person has
    (`nhsid_nrbac_roles`, of the scope nationalrbacaccess).
    """
    selected, roles = claims.get("selected_roleid"), userinfo.get("nhsid_nrbac_roles")
    if not isinstance(selected, str) or not selected or not isinstance(roles, list):
        return None
    taken = [role for role in roles if isinstance(role, dict) and role.get("person_roleid") == selected]
    return codes_in(taken[0].get("org_code"), taken[0].get("role_code")) if len(taken) == 1 else None
