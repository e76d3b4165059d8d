"""Ourselves as the issuer of tokens: our public address and the key that guards our keys."""

from dataclasses import dataclass, field
from urllib.parse import urlsplit

LOOPBACK = {"localhost", "127.0.0.1", "::1"}
KEY_BYTES = 32


@dataclass(frozen=True)
class Issuer:
    """Who issues tokens (`base_url`, never taken from a request), for whom, and the installation's secret."""

    base_url: str
    key: bytes = field(repr=False)
    audience: str = ""

    def __post_init__(self) -> None:
        """Refuse an address that would hand tokens to the network in the clear."""
        parts = urlsplit(self.base_url)
        if parts.scheme != "https" and not (parts.scheme == "http" and parts.hostname in LOOPBACK):
            raise ValueError(f"The public address {self.base_url!r} must be https, or http on localhost.")
        if self.base_url.endswith("/") or parts.query or parts.fragment:
            raise ValueError(f"The public address {self.base_url!r} must end in its name or path, without '/'.")
        if len(self.key) != KEY_BYTES:
            raise ValueError("The key that guards the signing keys must be 32 bytes long.")
        if not self.audience:
            object.__setattr__(self, "audience", f"{self.base_url}/graphql")

    @property
    def token_url(self) -> str:
        """Where tokens are asked for."""
        return f"{self.base_url}/oauth2/token"

    @property
    def authorization_url(self) -> str:
        """Where a browser asks a person to grant something."""
        return f"{self.base_url}/oauth2/authorize"

    @property
    def pushed_url(self) -> str:
        """Where that is asked for before the browser comes (RFC 9126)."""
        return f"{self.base_url}/oauth2/par"

    @property
    def device_url(self) -> str:
        """Where a device asks for a code (RFC 8628)."""
        return f"{self.base_url}/oauth2/device_authorization"

    @property
    def revocation_url(self) -> str:
        """Where tokens are revoked."""
        return f"{self.base_url}/oauth2/revoke"

    @property
    def introspection_url(self) -> str:
        """Where tokens are looked into."""
        return f"{self.base_url}/oauth2/introspect"

    @property
    def jwks_url(self) -> str:
        """Where the keys that verify tokens are published."""
        return f"{self.base_url}/oauth2/jwks"
