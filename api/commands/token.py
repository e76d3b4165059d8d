"""A token for a key file, to paste into a request."""

import asyncio
from pathlib import Path
from typing import Annotated

import httpx
import typer

from auth.ask import TokenAnswer, TokenRefused, ask_token
from auth.key_file import KeyFile, read_key_file

PATIENCE = 10.0  # seconds


def token(
    key_file: Path,
    scope: Annotated[str | None, typer.Option(help="Only these scopes, with spaces between.")] = None,
) -> None:
    """Ask for a token with a key file and print it."""
    typer.echo(asyncio.run(_ask(read_key_file(key_file), scope)).access_token)


async def _ask(key_file: KeyFile, scope: str | None) -> TokenAnswer:
    try:
        async with httpx.AsyncClient(timeout=PATIENCE, trust_env=False) as http:
            return await ask_token(key_file, http, scope)
    except httpx.HTTPError as error:
        raise TokenRefused(f"{key_file.token_url} cannot be reached; check that it is running.") from error
