"""Asking as the person who is signed in here."""

import json
import sys
from pathlib import Path
from typing import Annotated, Any

import httpx
import typer

from api.commands.terminal.session import body_of, new_http, proof, read
from api.failure import UsageError
from auth.ask import TokenRefused

Document = Annotated[str, typer.Argument(help="A file that holds a GraphQL document; -: read it from the input.")]
Variables = Annotated[str | None, typer.Option(help="The document's variables, as a JSON object.")]


def ask(document: Document, variables: Variables = None) -> None:
    """Ask as the person who is signed in, and print the answer; status 1 where it has errors."""
    body, session = {"query": _text(document), "variables": _object(variables)}, read()
    url = session.server.api
    try:
        with new_http() as http:
            token = session.access_token(http)
            headers = {"Authorization": f"DPoP {token}", "DPoP": proof(session.key, url, token)}
            answer = http.post(url, json=body, headers=headers)
    except httpx.HTTPError as error:
        raise TokenRefused(f"{url} cannot be reached ({type(error).__name__}); check that it is running.") from error
    found = body_of(answer)
    typer.echo(json.dumps(found, indent=2, ensure_ascii=False) if found else answer.text)
    if not found or "errors" in found:
        raise typer.Exit(1)


def _text(document: str) -> str:
    if document == "-":
        return sys.stdin.read()
    try:
        return Path(document).read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(f"The document {document} cannot be read ({type(error).__name__}).") from error


def _object(variables: str | None) -> dict[str, Any]:
    try:
        found = json.loads(variables or "{}")
    except ValueError as error:
        raise UsageError("--variables must be a JSON object.") from error
    if not isinstance(found, dict):
        raise UsageError("--variables must be a JSON object.")
    return found
