"""A person's session at this terminal: who answers, the key it is bound to, and what asks for the next token."""

import os
import secrets
import time
from pathlib import Path
from typing import Any

import httpx
from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import ECKey
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from api.failure import UsageError
from api.settings import Settings
from auth.ask import TokenRefused
from auth.grants.dpop import TYPE, fingerprint

CLIENT = "reinstate-cli"
PATIENCE = 15.0  # seconds
_ALG = "ES256"


class Server(BaseModel):
    """Where a server takes what, as it says of itself (RFC 8414)."""

    model_config = ConfigDict(frozen=True)

    issuer: str
    token_endpoint: str
    revocation_endpoint: str
    device_authorization_endpoint: str

    @property
    def api(self) -> str:
        """Where questions are asked."""
        return f"{self.issuer}/graphql"


class Session(BaseModel):
    """What is kept of a sign-in: good for nothing without the key, and good for nothing once it ended."""

    model_config = ConfigDict(frozen=True)

    server: Server
    refresh_token: str = Field(repr=False)
    private_key: dict[str, Any] = Field(repr=False)

    @property
    def key(self) -> ECKey:
        """The key that its tokens are bound to."""
        return ECKey.import_key(self.private_key)

    def access_token(self, http: httpx.Client) -> str:
        """Return a fresh access token."""
        form = {"grant_type": "refresh_token", "refresh_token": self.refresh_token, "client_id": CLIENT}
        url = self.server.token_endpoint
        answer = http.post(url, data=form, headers={"DPoP": proof(self.key, url)})
        return str(told(answer, "sign in again with `reinstate login`")["access_token"])


def new_http() -> httpx.Client:
    """Return a client that is led nowhere else, neither by a redirect nor by the environment."""
    return httpx.Client(timeout=PATIENCE, trust_env=False)


def proof(key: ECKey, url: str, token: str | None = None) -> str:
    """Return a proof for one POST (RFC 9449, 4.2)."""
    claims: dict[str, Any] = {"jti": secrets.token_urlsafe(16), "htm": "POST", "htu": url, "iat": int(time.time())}
    if token is not None:
        claims["ath"] = fingerprint(token)
    header = {"typ": TYPE, "alg": _ALG, "jwk": key.as_dict(private=False)}
    return jwt.encode(header, claims, key, algorithms=[_ALG])


def told(answer: httpx.Response, otherwise: str) -> dict[str, Any]:
    """Return what a sign-in endpoint answered, or raise `TokenRefused` in its words."""
    body = body_of(answer)
    if answer.status_code != httpx.codes.OK:
        why = body.get("error_description", f"status {answer.status_code}")
        raise TokenRefused(f"{answer.request.url} refused: {why}; {otherwise}.")
    return body


def body_of(answer: httpx.Response) -> dict[str, Any]:
    """Return an answer's JSON object; an empty one where it has none."""
    try:
        body = answer.json()
    except ValueError:
        return {}
    return body if isinstance(body, dict) else {}


def kept_at() -> Path:
    """Return the file that a session is kept in."""
    home = Settings().xdg_config_home or Path("~/.config").expanduser()
    return home / "reinstate" / "session.json"


def keep(session: Session) -> None:
    """Keep a session where its owner alone may read it, in place of the one before."""
    file = kept_at()
    file.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    beside = file.with_name(f".{secrets.token_hex(8)}")
    with os.fdopen(os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as opened:
        opened.write(session.model_dump_json(indent=2) + "\n")
    beside.replace(file)


def read() -> Session:
    """Return the session that is kept, or raise `UsageError`: nobody is signed in."""
    file = kept_at()
    try:
        found = Session.model_validate_json(file.read_bytes())
        _ = found.key
    except FileNotFoundError as error:
        raise UsageError("Nobody is signed in here; run `reinstate login`.") from error
    except OSError as error:
        raise UsageError(f"The session {file} cannot be read ({error.strerror}); run `reinstate login`.") from error
    except (ValidationError, JoseError, ValueError) as error:
        raise UsageError(f"{file} is no session of reinstate; run `reinstate login`.") from error
    return found


def forget() -> None:
    """Forget the session that is kept."""
    kept_at().unlink(missing_ok=True)
