"""Signing in at a terminal: it shows a code, and a browser anywhere approves it (RFC 8628)."""

import time
from typing import Annotated, Any
from urllib.parse import urlsplit

import httpx
import typer
from joserfc.jwk import ECKey
from pydantic import ValidationError

from api.commands.terminal.session import (
    CLIENT,
    Server,
    Session,
    body_of,
    forget,
    keep,
    new_http,
    proof,
    read,
    told,
)
from api.failure import UsageError
from auth.ask import TokenRefused
from auth.grants.applications import DEVICE
from auth.tokens.compact import NotCompactError, read_compact
from auth.tokens.issuer import LOOPBACK

Url = Annotated[str, typer.Option(help="The server's public address.")]
Organisation = Annotated[str | None, typer.Option(help="ODS code of the organisation to speak for.")]

LONGEST_TOKEN = 8192
SLOWER = 5  # seconds, each time that the server asks for patience


def login(url: Url = "http://127.0.0.1:8000", organisation: Organisation = None) -> None:
    """Sign in: approve the code that is shown in a browser, here or elsewhere."""
    with new_http() as http:
        try:
            server = _find(http, url.rstrip("/"))
            waits = _begin(http, server, organisation)
            typer.echo(f"Open {waits['verification_uri_complete']}")
            typer.echo(f"and approve it when the page shows the code {waits['user_code']}.")
            key = ECKey.generate_key("P-256")
            answer = _wait(http, server, waits, key)
        except httpx.HTTPError as error:
            raise TokenRefused(
                f"{url} cannot be reached ({type(error).__name__}); check that it is running."
            ) from error
    keep(Session(server=server, refresh_token=answer["refresh_token"], private_key=key.as_dict(private=True)))
    typer.echo(_who(str(answer["access_token"])))


def logout() -> None:
    """End the session, with every token of it, and forget its key."""
    session = read()
    try:
        with new_http() as http:
            form = {"token": session.refresh_token, "client_id": CLIENT}
            told(http.post(session.server.revocation_endpoint, data=form), "it is forgotten here all the same")
    except httpx.HTTPError as error:
        why = "cannot be reached: the session ends by itself within the hour, and is forgotten here"
        raise TokenRefused(f"{session.server.issuer} {why}.") from error
    finally:
        forget()
    typer.echo("Signed out.")


def _find(http: httpx.Client, url: str) -> Server:
    parts = urlsplit(url)
    if parts.scheme != "https" and not (parts.scheme == "http" and parts.hostname in LOOPBACK):
        raise UsageError(f"{url} must be an https address, or http on this machine.")
    answer = http.get(f"{url}/.well-known/oauth-authorization-server")
    try:
        server = Server.model_validate(body_of(answer))
    except ValidationError as error:
        raise UsageError(f"{url} is no server of reinstate.") from error
    if server.issuer != url:  # RFC 8414, 3.3
        raise UsageError(f"The server at {url} is known as {server.issuer}; say --url {server.issuer}.")
    return server


def _begin(http: httpx.Client, server: Server, organisation: str | None) -> dict[str, Any]:
    form = {"client_id": CLIENT, **({"organisation": organisation} if organisation else {})}
    return told(http.post(server.device_authorization_endpoint, data=form), "try again")


def _wait(http: httpx.Client, server: Server, waits: dict[str, Any], key: ECKey) -> dict[str, Any]:
    """Ask until the person has decided, no faster than the server wants (RFC 8628, 3.5)."""
    interval, until = float(waits["interval"]), time.monotonic() + float(waits["expires_in"])
    form = {"grant_type": DEVICE, "device_code": waits["device_code"], "client_id": CLIENT}
    while time.monotonic() < until:
        time.sleep(interval)
        answer = http.post(server.token_endpoint, data=form, headers={"DPoP": proof(key, server.token_endpoint)})
        error = body_of(answer).get("error")
        if error == "slow_down":
            interval += SLOWER
        elif error != "authorization_pending":
            return told(answer, "run `reinstate login` again")
    raise TokenRefused("Nobody approved the code in time; run `reinstate login` again.")


def _who(token: str) -> str:
    try:
        claims = read_compact(token, LONGEST_TOKEN).claims
    except NotCompactError:
        return "Signed in."
    return f"Signed in as {claims.get('sub')} for {claims.get('tenant')}: {claims.get('scope')}."
