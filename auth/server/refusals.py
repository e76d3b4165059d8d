"""What is wrong with an assertion, in the NHS platform's words."""

from auth.server.form import Refused

ASSERTION_TYPE = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"

_UNREGISTERED = (
    "You need to register a public key to use this authentication method - please contact support to configure"
)


def wrong_type() -> Refused:
    """Return: the form carries no assertion of the type we take."""
    return Refused(f"Missing or invalid client_assertion_type - must be '{ASSERTION_TYPE}'")


def wrong_algorithm() -> Refused:
    """Return: an algorithm we do not take, or not from this client."""
    return Refused("Invalid 'alg' header in JWT - unsupported JWT algorithm - must be 'RS512'")


def no_key() -> Refused:
    """Return: no such client, a revoked one, no such key, or a wrong signature; never which."""
    return Refused("Invalid 'kid' header in JWT - no matching public key", 401, "invalid_client")


def unregistered() -> Refused:
    """Return: the client has no public key."""
    return Refused(_UNREGISTERED, 403, "public_key error")


def wrong_subject() -> Refused:
    """Return: iss, sub and client_id do not name one client."""
    return Refused("Missing or non-matching 'iss'/'sub' claims in JWT")


def impossible_subject() -> Refused:
    """Return: iss and sub name what cannot be a client."""
    return Refused("Invalid 'iss'/'sub' claims in JWT", 401, "invalid_client")


def wrong_audience() -> Refused:
    """Return: the assertion is for somebody else."""
    return Refused("Missing or invalid 'aud' claim in JWT", 401, "invalid_client")
