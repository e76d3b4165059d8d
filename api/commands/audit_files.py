"""The files of an audit: exports by the line, checkpoints, key sets; written whole or not at all."""

import json
import os
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from joserfc.jwk import ECKey

from api.failure import UsageError
from auth.checkpoint import BadCheckpointError, Checkpoint, read, read_keys

LONGEST_LINE = 16 * 1024 * 1024
LARGEST_FILE = 10_000_000


def lines_of(export: Path) -> Iterator[bytes]:
    """Give the lines of an export; one that is too long comes in pieces, which are no events."""
    try:
        with export.open("rb") as file:
            while line := file.readline(LONGEST_LINE):
                yield line
    except OSError as error:
        raise UsageError(f"{export} cannot be read ({error.strerror}).") from error


def texts_of(paths: Iterable[Path]) -> list[tuple[Path, str]]:
    """Return the checkpoints in files, still to be believed: one a line."""
    found = [(path, text) for path in paths for text in _read(path).split()]
    if empty := set(paths) - {path for path, _ in found}:
        raise UsageError(f"{min(empty)} holds no checkpoint.")
    return found


def checkpoints_of(texts: Iterable[tuple[Path, str]], keys: Mapping[str, ECKey]) -> list[Checkpoint]:
    """Return what the checkpoints say, each signed by one of the keys."""

    def believed(path: Path, text: str) -> Checkpoint:
        try:
            return read(text, keys)
        except BadCheckpointError as error:
            raise UsageError(f"{path}: {error}") from error

    return [believed(path, text) for path, text in texts]


def keys_of(jwks: Path) -> dict[str, ECKey]:
    """Return the keys in a JWK set's file."""
    try:
        return read_keys(json.loads(_read(jwks)))
    except (BadCheckpointError, ValueError, RecursionError) as error:
        raise UsageError(f"{jwks} is not a JWK set: give what /oauth2/jwks published.") from error


@contextmanager
def writing(output: Path | None) -> Iterator[Callable[[bytes], None]]:
    """Give what writes a file, its owner's alone and there only once it is whole; or to standard output."""
    if output is None:
        yield _writer(sys.stdout.buffer, "standard output")
        return
    part = output.with_name(f"{output.name}.part")
    with _told(output):
        file = os.fdopen(os.open(part, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb")
    try:
        with file:
            yield _writer(file, output)
        with _told(output):
            part.replace(output)
    finally:
        part.unlink(missing_ok=True)


def _writer(file: IO[bytes], name: object) -> Callable[[bytes], None]:
    def write(data: bytes) -> None:
        with _told(name):
            file.write(data)
            file.flush()

    return write


@contextmanager
def _told(name: object) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise UsageError(f"{name} cannot be written ({error.strerror}).") from error


def _read(path: Path) -> str:
    try:
        with path.open("rb") as file:
            return file.read(LARGEST_FILE).decode()
    except OSError as error:
        raise UsageError(f"{path} cannot be read ({error.strerror}).") from error
    except UnicodeDecodeError as error:
        raise UsageError(f"{path} is not text.") from error
