"""Keys that nobody holds: tried where there is no client, so that refusing takes as long."""

import base64
import secrets
from typing import Any

from joserfc.jwk import ECKey, OKPKey

_RSA_BITS = 3072


def _nobodys_rsa() -> dict[str, Any]:
    # Any odd number serves as a modulus that verifies nothing; finding primes would delay every start.
    number = secrets.randbits(_RSA_BITS) | 1 | 1 << (_RSA_BITS - 1)
    spelled = base64.urlsafe_b64encode(number.to_bytes(_RSA_BITS // 8)).decode().rstrip("=")
    return {"kty": "RSA", "n": spelled, "e": "AQAB"}


DUMMY: dict[str, Any] = {
    "keys": [
        _nobodys_rsa(),
        ECKey.generate_key("P-256").as_dict(private=False),
        OKPKey.generate_key("Ed25519").as_dict(private=False),
    ]
}
