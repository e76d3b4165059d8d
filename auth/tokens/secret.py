"""A secret that is handed out once and kept as its hash alone."""

import hashlib
import secrets


def new_secret() -> str:
    """Return a secret that nobody can guess: 256 bits, safe in an address."""
    return secrets.token_urlsafe(32)


def hashed(secret: str) -> str:
    """Return what is kept of a secret: the SHA-256 of it, in hexadecimal."""
    return hashlib.sha256(secret.encode("utf-8", "surrogatepass")).hexdigest()
