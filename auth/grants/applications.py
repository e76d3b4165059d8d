"""Applications that people sign in at: the command line, which is built in, and those that are registered."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from sqlmodel import col, select

from auth.scope import Scope, named
from auth.server.asker import METHOD
from auth.server.waiting import Waiting
from schema.people.api_client import CLIENT_ID, ApiClient, ClientKind, ClientStatus

CODE, DEVICE, REFRESH = "authorization_code", "urn:ietf:params:oauth:grant-type:device_code", "refresh_token"
PUBLIC = "none"  # the way of a client that proves nothing
LONGEST_URI = 500

_LOOPBACK = re.compile(r"(http://(?:127\.0\.0\.1|\[::1\]|localhost))(?::\d{1,5})?(/[!-~]*)?")
_HTTPS = re.compile(r"https://[A-Za-z0-9.-]+(:\d{1,5})?(/[!-~]*)?")


@dataclass(frozen=True)
class Application:
    """An application, in the words of Authlib's ClientMixin; a public one has no key and proves nothing."""

    client_id: str
    tenant_ods: str | None
    everyone: bool
    redirect_uris: tuple[str, ...]
    public: bool
    dpop_bound: bool
    scopes: frozenset[Scope]
    jwks: Mapping[str, Any] = field(repr=False)

    def check_endpoint_auth_method(self, method: str, _endpoint: str) -> bool:
        """Tell whether it may prove itself so: by its key, or not at all where it has none."""
        return method == (PUBLIC if self.public else METHOD)

    def check_grant_type(self, grant_type: str) -> bool:
        """Tell whether it may use this grant; only what no browser can come back to asks for a device code."""
        if grant_type == CODE:
            return bool(self.redirect_uris)
        if grant_type == DEVICE:
            return self.tenant_ods is None or not self.redirect_uris
        return grant_type == REFRESH

    def serves(self, tenant_ods: str) -> bool:
        """Tell whether people who speak for this organisation may sign in at it."""
        return self.everyone or tenant_ods == self.tenant_ods

    def returns_to(self, uri: str) -> bool:
        """Tell whether a browser may be sent back there: to the letter, but for the port on this machine (RFC 8252)."""
        return fit_redirect_uri(uri) and any(_portless(uri) == _portless(each) for each in self.redirect_uris)

    @property
    def loopback(self) -> bool:
        """Whether anything on a person's machine could pose as it (RFC 8252, 8.6)."""
        return self.public and any(map(_LOOPBACK.fullmatch, self.redirect_uris))

    def rotates(self, jkt: str | None) -> bool:
        """Tell whether its refresh tokens are used once: nothing else binds them to it (RFC 9700, 4.14)."""
        return self.public and jkt is None


CLI = Application(
    client_id="reinstate-cli",
    tenant_ods=None,
    everyone=True,
    redirect_uris=("http://127.0.0.1/callback", "http://[::1]/callback"),
    public=True,
    dpop_bound=False,
    scopes=frozenset(Scope),
    jwks={"keys": []},
)


def find(db: Waiting, client_id: str | None) -> Application | None:
    """Return an application that people may sign in at now."""
    if client_id == CLI.client_id:
        return CLI
    if not client_id or not CLIENT_ID.fullmatch(client_id):
        return None
    registered = col(ApiClient.kind) == ClientKind.APPLICATION, col(ApiClient.status) == ClientStatus.ACTIVE
    client = db.first(select(ApiClient).where(col(ApiClient.client_id) == client_id, *registered))
    return application(client) if client else None


def application(client: ApiClient) -> Application:
    """Return a registered application."""
    return Application(
        client_id=client.client_id,
        tenant_ods=client.tenant_ods,
        everyone=client.everyone,
        redirect_uris=tuple(client.redirect_uris),
        public=not client.jwks.get("keys"),
        dpop_bound=client.dpop_bound,
        scopes=named(client.scopes, Scope),
        jwks=client.jwks,
    )


def fit_redirect_uri(uri: str) -> bool:
    """Tell whether a browser may be sent there at all: https, or this machine; no fragment, no name, no backslash."""
    spelt = len(uri) <= LONGEST_URI and not re.search(r"[#\\]|/\.\.?(/|$)", uri)
    return spelt and bool(_HTTPS.fullmatch(uri) or _LOOPBACK.fullmatch(uri))


def _portless(uri: str) -> str:
    here = _LOOPBACK.fullmatch(uri)
    return f"{here[1]}{here[2] or ''}" if here else uri
