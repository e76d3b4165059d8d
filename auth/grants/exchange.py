"""Token exchange (RFC 8693): a person's token for one of less authority, at an application or for a machine that acts.

What a machine gets says so (`act`), never carries an act that decides, and is not exchanged again. Nothing outlives
the token it came from; the session stays the same, so that its end ends both. A token that is bound to a key is
exchanged by the holder of that key alone.
"""

import time
from collections.abc import Mapping

from authlib.oauth2 import rfc6749  # type: ignore[import-untyped] # Authlib ships no types

from auth.grants.applications import PUBLIC, Application
from auth.grants.granted import spelt
from auth.grants.sessions import ACCESS_LIFE
from auth.scope import PERSONAL, Scope, named
from auth.server.asker import EXCHANGE, METHOD, Asker
from auth.server.form import NO_STORE, Refused
from auth.server.request import Request, fits, foreign
from auth.tokens.access_token import AccessToken, new_token_id
from auth.tokens.subject_token import Subject, subject_of

ACCESS_TOKEN = "urn:ietf:params:oauth:token-type:access_token"  # noqa: S105 - a name
_SUBJECT_TYPES = {ACCESS_TOKEN, "urn:ietf:params:oauth:token-type:jwt"}


class Exchange(rfc6749.BaseGrant, rfc6749.TokenEndpointMixin):  # type: ignore[misc] # untyped, as above
    """RFC 8693, 2: a subject_token for an access token of ours; no actor_token, for a client acts as itself."""

    GRANT_TYPE = EXCHANGE
    TOKEN_ENDPOINT_AUTH_METHODS = (PUBLIC, METHOD)

    def validate_token_request(self) -> None:
        """Learn which client asks, and for what."""
        self.request.client = self.authenticate_token_endpoint_client()
        _check_form(self.request)
        self.subject = subject_of(self.request)
        self.granted = _narrowed(self.request, self.subject)

    def create_token_response(self) -> tuple[int, dict[str, object], object]:
        """Return the narrower token."""
        request, subject = self.request, self.subject
        now = int(time.time())
        expires_at = min(now + ACCESS_LIFE, subject.expires_at)
        token = AccessToken(
            request.client.client_id,
            subject.tenant_ods,
            subject.kind,
            self.granted,
            new_token_id(),
            now,
            expires_at,
            subject.subject,
            subject.person,
            request.client.client_id if isinstance(request.client, Asker) else None,
            request.jkt,
        )
        answer: dict[str, object] = {
            "access_token": token.write(request.context.issuer, request.context.ring),
            "issued_token_type": ACCESS_TOKEN,
            "token_type": "DPoP" if request.jkt else "Bearer",
            "expires_in": expires_at - now,
            "scope": token.scope,
        }
        self.save_token(answer)
        return 200, answer, NO_STORE


def _check_form(request: Request) -> None:
    form: Mapping[str, str] = request.form
    if not fits(request.context.issuer, form.get("audience")):
        raise Refused(foreign(request.context.issuer), error="invalid_target")
    if {"actor_token", "actor_token_type"} & form.keys():
        raise Refused("There is no actor_token here: the client that proves itself is the actor")
    if form.get("requested_token_type", ACCESS_TOKEN) != ACCESS_TOKEN:
        raise Refused(f"requested_token_type must be {ACCESS_TOKEN}, or be left out")
    if "subject_token" not in form:
        raise Refused("subject_token is missing")
    if form.get("subject_token_type") not in _SUBJECT_TYPES:
        raise Refused(f"subject_token_type must be {ACCESS_TOKEN}")


def _narrowed(request: Request, subject: Subject) -> frozenset[Scope]:
    """Return what the client gets of the subject's scopes: no more than its own, and none that people alone hold."""
    client: Asker | Application = request.client
    own = client.holds - PERSONAL if isinstance(client, Asker) else client.scopes
    may, wanted = subject.scopes & own, spelt(request.payload.scope)
    beyond = [name for name in wanted if not named([name], may)]
    granted = named(wanted, may) if wanted else may
    if beyond or not granted:
        raise Refused(_beyond(beyond), error="invalid_scope")
    return granted


def _beyond(names: list[str]) -> str:
    decide = any(named([name], PERSONAL) for name in names)
    return "A token is exchanged for less, never for more" + (
        "; acts that decide are for people, who sign in for them" if decide else ""
    )
