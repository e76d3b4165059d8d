"""A form at one of our endpoints, in Authlib's words, with what it is answered with."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from authlib.oauth2 import rfc6749  # type: ignore[import-untyped] # Authlib ships no types
from authlib.oauth2.rfc6749.requests import BasicOAuth2Payload  # type: ignore[import-untyped] # as above

from auth.federation.keys import IssuerKeys
from auth.grants.proofs import proven_key
from auth.server.form import Refused
from auth.server.waiting import Waiting
from auth.signing import Ring
from auth.tokens.issuer import Issuer


@dataclass(frozen=True)
class Context:
    """What a request is answered with: the transaction, ourselves, and our keys."""

    db: Waiting
    issuer: Issuer
    ring: Ring
    issuer_keys: IssuerKeys | None = None  # of the identity providers whose tokens may be exchanged


class Request(rfc6749.OAuth2Request):  # type: ignore[misc] # untyped, as above
    """A form, with the transaction it is answered in; `proof` is its DPoP header, `jkt` the key that it proves."""

    def __init__(self, context: Context, fields: Mapping[str, str], url: str = "", proof: str | None = None) -> None:
        self.url = url or context.issuer.token_url
        super().__init__("POST", self.url)
        self.context = context
        self.payload = BasicOAuth2Payload(dict(fields))
        self.proof = proof
        self.jkt: str | None = None

    @property
    def form(self) -> Any:
        """The fields, as Authlib's endpoints ask for them."""
        return self.payload.data

    def prove_key(self, *, must: bool) -> None:
        """Learn which key the request proves, its proof used up."""
        self.jkt = proven_key(self.context.db, self.proof, self.url, must=must)

    def check_resource(self) -> None:
        """Refuse a token for anybody but us (RFC 8707)."""
        if not fits(self.context.issuer, self.form.get("resource")):
            raise Refused(foreign(self.context.issuer), error="invalid_target")


def fits(issuer: Issuer, resource: str | None) -> bool:
    """Tell whether a resource is ours, or none is named."""
    return resource in {None, issuer.audience, issuer.base_url}


def foreign(issuer: Issuer) -> str:
    """Say which resource there is."""
    return f"The only resource here is {issuer.audience}"
