"""Pushed authorization requests (RFC 9126): asked for by the client itself, before its browser comes; used once."""

from collections.abc import Mapping

from authlib.oauth2.rfc6749 import TokenEndpoint  # type: ignore[import-untyped] # Authlib ships no types
from sqlalchemy import func, insert, update
from sqlmodel import col, select

from auth.grants.applications import CODE, PUBLIC, Application
from auth.grants.authorize import Denied, Unanswerable, read
from auth.grants.tables import PushedRequest
from auth.server.asker import METHOD
from auth.server.form import Refused
from auth.server.request import Request
from auth.server.waiting import Waiting
from auth.tokens.secret import hashed, new_secret

URN = "urn:ietf:params:oauth:request_uri:"
LIFE = 90
LONGEST_URI = 200
_PROOF = {"client_assertion", "client_assertion_type"}


class Pushed(TokenEndpoint):  # type: ignore[misc] # untyped, as above
    """The endpoint where clients push requests; each is read as strictly as when a browser brings it."""

    ENDPOINT_NAME = "pushed"
    CLIENT_AUTH_METHODS = (PUBLIC, METHOD)

    def create_endpoint_response(self, request: Request) -> tuple[int, dict[str, object], list[object]]:
        """Keep the request and return what names it."""
        client = self.authenticate_endpoint_client(request)
        if not client.check_grant_type(CODE):
            raise Refused("This client has no people to send here", error="unauthorized_client")
        given = {name: value for name, value in request.form.items() if name not in _PROOF}
        if "request_uri" in given:
            raise Refused("A pushed request is no request for another")
        _bind(given, client, request.jkt)
        try:
            read(request.context.db, request.context.issuer, given)
        except Unanswerable as error:
            raise Refused(str(error)) from error
        except Denied as denied:
            raise Refused(str(denied), error=denied.error) from denied
        return 201, {"request_uri": keep(request.context.db, given, LIFE), "expires_in": LIFE}, []


def _bind(given: dict[str, str], client: Application, jkt: str | None) -> None:
    if given.setdefault("client_id", client.client_id) != client.client_id:
        raise Refused("client_id is another client's than the one that proved itself")
    if jkt is not None and given.setdefault("dpop_jkt", jkt) != jkt:
        raise Refused("dpop_jkt is another key's than that of the DPoP proof")


def keep(db: Waiting, given: Mapping[str, str], life: int) -> str:
    """Keep a request for some seconds and return the address that names it, for one use by its client."""
    secret = new_secret()
    expires_at = func.clock_timestamp() + func.make_interval(0, 0, 0, 0, 0, 0, life)
    row = {"uri_hash": hashed(secret), "client_id": given["client_id"], "parameters": dict(given)}
    db.write(insert(PushedRequest).values(**row, expires_at=expires_at))
    return f"{URN}{secret}"


def taken(db: Waiting, client_id: str, request_uri: str) -> dict[str, str] | None:
    """Return what a client pushed, used up; None: it pushed no such thing, or it was used, or too long ago."""
    if not request_uri.startswith(URN) or len(request_uri) > LONGEST_URI:
        return None
    now = func.clock_timestamp()
    secret = request_uri.removeprefix(URN)
    this = col(PushedRequest.uri_hash) == hashed(secret), col(PushedRequest.client_id) == client_id
    unused = col(PushedRequest.consumed_at).is_(None), col(PushedRequest.expires_at) > now
    use = update(PushedRequest).where(*this, *unused).values(consumed_at=now).returning(col(PushedRequest.uri_hash))
    if db.first(use) is None:
        return None
    found: dict[str, str] = db.first(select(PushedRequest.parameters).where(*this))
    return found
