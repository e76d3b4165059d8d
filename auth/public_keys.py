"""The public keys a client may register: which, how strong, and nothing else of what is given."""

import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from joserfc.errors import JoseError
from joserfc.jwk import ECKey, OKPKey, RSAKey, import_key

from auth.key_file import KeyFileError
from schema.people.api_client import AssertionProfile

MOST_KEYS = 8
RSA_BITS = range(2048, 8193)
_KID = re.compile(r"[\x21-\x7e]{1,80}")
_PUBLIC = {"RSA": ("n", "e"), "EC": ("crv", "x", "y"), "OKP": ("crv", "x")}
_CURVES = {"EC": "P-256", "OKP": "Ed25519"}

KeyPair = RSAKey | ECKey | OKPKey


class UnfitKeyError(ValueError):
    """A public key that a client may not register; the message says why."""


def new_key(profile: AssertionProfile) -> KeyPair:
    """Return a new key pair that suits a profile."""
    if profile is AssertionProfile.NHS:
        return RSAKey.generate_key(3072, auto_kid=True)
    return ECKey.generate_key("P-256", auto_kid=True)


def public_set(key: KeyPair) -> dict[str, Any]:
    """Return the public half of a key pair as a JWK set."""
    key.ensure_kid()
    return {"keys": [{**key.as_dict(private=False), "kid": key.kid}]}


def read_public_jwks(path: Path) -> dict[str, Any]:
    """Return the JWK set in a file, its keys not yet judged, or raise `KeyFileError`."""
    try:
        found = json.loads(path.read_bytes())
    except OSError as error:
        raise KeyFileError(f"The public keys {path} cannot be read ({error.strerror}).") from error
    except (ValueError, RecursionError) as error:
        raise KeyFileError(f"{path} is not JSON; give a JWK set of public keys.") from error
    if not isinstance(found, dict) or not isinstance(found.get("keys"), list):
        raise KeyFileError(f"{path} is not a JWK set; give a JSON object with its public keys under keys.")
    return found


def fit_keys(jwks: Mapping[str, Any], profile: AssertionProfile) -> dict[str, Any]:
    """Return the set with what verifies and nothing more, or raise `UnfitKeyError`."""
    keys = jwks.get("keys")
    if not isinstance(keys, list) or not 1 <= len(keys) <= MOST_KEYS:
        raise UnfitKeyError(f"give 1 to {MOST_KEYS} public keys as a JWK set")
    fit = [_fit(key, profile) for key in keys]
    if len({key["kid"] for key in fit}) != len(fit):
        raise UnfitKeyError("two keys have the same kid")
    return {"keys": fit}


def _fit(jwk: Any, profile: AssertionProfile) -> dict[str, Any]:
    bare = _bare(jwk, profile)
    try:
        key = import_key(bare)
    except (JoseError, ValueError, TypeError) as error:
        raise UnfitKeyError(f"the key {bare['kid']} is not a JWK") from error
    if isinstance(key, RSAKey) and key.raw_value.key_size not in RSA_BITS:
        raise UnfitKeyError("an RSA key must have 2048 to 8192 bits")
    if bare.get("crv") != _CURVES.get(bare["kty"]):
        raise UnfitKeyError("an elliptic key must be P-256 or Ed25519")
    return bare


def _bare(jwk: Any, profile: AssertionProfile) -> dict[str, Any]:
    if not isinstance(jwk, dict) or {"d", "k", "p"} & jwk.keys():
        raise UnfitKeyError("give public keys only; a private key must never leave its owner")
    kid, kind = str(jwk.get("kid", "")), str(jwk.get("kty"))
    if not _KID.fullmatch(kid):
        raise UnfitKeyError("every key needs a kid of 1 to 80 characters")
    if kind not in (("RSA",) if profile is AssertionProfile.NHS else _PUBLIC):
        raise UnfitKeyError("the nhs profile takes RSA keys; rfc7523 takes RSA, EC P-256 and Ed25519 keys")
    return {"kty": kind, "kid": kid, **{name: jwk.get(name) for name in _PUBLIC[kind]}}
