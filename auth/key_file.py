"""A client's key file: who it is, where it asks, and the private key it proves itself with."""

import os
from pathlib import Path
from typing import Any

from joserfc.errors import JoseError
from joserfc.jwk import ECKey, Key, OKPKey, RSAKey, import_key
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from schema.people.api_client import AssertionProfile

LARGEST = 100_000


class KeyFileError(Exception):
    """Not a key file, or one that cannot be used; the message says what to do."""


class KeyFile(BaseModel):
    """What a key file holds."""

    model_config = ConfigDict(frozen=True)

    client_id: str
    organisation: str
    token_url: str
    profile: AssertionProfile
    scopes: list[str]
    private_key: dict[str, Any] = Field(repr=False)

    @property
    def key(self) -> Key:
        """The private key."""
        try:
            key = import_key(self.private_key)
        except (JoseError, ValueError, TypeError) as error:
            raise KeyFileError(f"The private_key of client {self.client_id} is not a JWK.") from error
        if not isinstance(key, RSAKey | ECKey | OKPKey) or not key.is_private or not key.kid:
            raise KeyFileError(f"The private_key of client {self.client_id} is not a private JWK with a kid.")
        return key


def write_key_file(path: Path, key_file: KeyFile) -> None:
    """Write a key file that only its owner may read; never over another file."""
    try:
        with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
            file.write(key_file.model_dump_json(indent=2) + "\n")
    except FileExistsError as error:
        raise KeyFileError(f"{path} is there already; name another file, or move it away first.") from error
    except OSError as error:
        raise KeyFileError(f"The key file {path} cannot be written ({error.strerror}).") from error


def read_key_file(path: Path) -> KeyFile:
    """Return what a key file holds, or raise `KeyFileError` with a plain sentence."""
    again = "give the file that `reinstate client add` wrote"
    try:
        with path.open("rb") as file:
            found = KeyFile.model_validate_json(file.read(LARGEST))
        _ = found.key
    except OSError as error:
        raise KeyFileError(f"The key file {path} cannot be read ({error.strerror}); {again}.") from error
    except ValidationError as error:
        missing = ", ".join(sorted({str(each["loc"][0]) for each in error.errors() if each["loc"]}))
        about = f"it lacks {missing}" if missing else "it is not JSON"
        raise KeyFileError(f"{path} is not a key file of reinstate ({about}); {again}.") from error
    return found
