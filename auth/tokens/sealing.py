"""What is encrypted at rest with the installation's key, and what carries its mark."""

import base64
import hmac
import json

from joserfc import jwe
from joserfc.errors import JoseError
from joserfc.jwk import OctKey

_SEALED = ["dir", "A256GCM"]


class BrokenSealError(Exception):
    """Something was not sealed with this key, or not as what it is opened as."""


def seal(plain: str, about: str, key: bytes) -> str:
    """Encrypt a text as something, which it can be opened as alone."""
    header = {"alg": "dir", "enc": "A256GCM", "kid": about}
    return jwe.encrypt_compact(header, plain, OctKey.import_key(key), algorithms=_SEALED)


def unseal(sealed: str, about: str, key: bytes) -> str:
    """Return the text that was sealed as this."""
    try:
        opened = jwe.decrypt_compact(sealed, OctKey.import_key(key), algorithms=_SEALED)
    except (JoseError, ValueError) as error:
        raise BrokenSealError(about) from error
    if opened.headers().get("kid") != about or opened.plaintext is None:
        raise BrokenSealError(about)
    return opened.plaintext.decode()


def mark(key: bytes, purpose: str, *about: str) -> str:
    """Return the mark (HMAC-SHA-256) that only this installation can put on something, for one purpose."""
    ours = hmac.digest(key, purpose.encode(), "sha256")
    made = hmac.digest(ours, json.dumps(about).encode(), "sha256")
    return base64.urlsafe_b64encode(made).decode().rstrip("=")


def is_marked(given: str, key: bytes, purpose: str, *about: str) -> bool:
    """Tell whether a mark is ours, in a time that says nothing."""
    return hmac.compare_digest(given.encode("utf-8", "replace"), mark(key, purpose, *about).encode())
