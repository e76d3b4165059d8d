"""A secret that is handed out once and kept as its hash alone."""

import hashlib
import re
import secrets

BITS_256 = re.compile(r"[A-Za-z0-9_-]{43}")  # in base64url: a secret of ours, or a SHA-256 (RFC 7636, 7638)


def new_secret() -> str:
    """Return a secret that nobody can guess: 256 bits, safe in an address."""
    return secrets.token_urlsafe(32)


def hashed(secret: str) -> str:
    """Return what is kept of a secret: the SHA-256 of it, in hexadecimal."""
    return hashlib.sha256(secret.encode("utf-8", "surrogatepass")).hexdigest()
