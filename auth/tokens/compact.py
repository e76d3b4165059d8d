"""A signed JWT in compact form, read strictly before anything in it is believed."""

import base64
import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from joserfc import jws
from joserfc.errors import JoseError
from joserfc.jwk import Key

_SEGMENTS = re.compile(r"[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+")


class NotCompactError(ValueError):
    """Not a compact JWT, or one that asks for what we do not do."""


class _Registry(jws.JWSRegistry):
    # A real trust's header carries jku; it may be long, and is not used.
    max_header_length = 8192


@dataclass(frozen=True)
class Compact:
    """What a JWT says, not yet believed."""

    text: str
    header: dict[str, Any]
    claims: dict[str, Any]

    def signed_by(self, key: Key, algorithms: Sequence[str]) -> bool:
        """Tell whether this key signed it, by an algorithm of the list."""
        if self.header["alg"] not in algorithms:
            return False
        registry = _Registry(algorithms=algorithms, strict_check_header=False)
        try:
            jws.deserialize_compact(self.text, key, registry=registry)
        except (JoseError, ValueError):
            return False
        return True


def read_compact(text: str, longest: int) -> Compact:
    """Return what a compact JWT says; whoever believes it must first ask `signed_by`."""
    if len(text) > longest or not _SEGMENTS.fullmatch(text):
        raise NotCompactError("not a compact JWT")
    header, claims = (_read_json(segment) for segment in text.split(".")[:2])
    if not isinstance(header.get("alg"), str) or {"crit", "b64"} & header.keys():
        raise NotCompactError("no alg, or extensions we do not know")
    return Compact(text, header, claims)


def whole(value: object) -> int | None:
    """Return a claim that is a whole number (true is not one), None otherwise."""
    return value if isinstance(value, int) and not isinstance(value, bool) else None


def _read_json(segment: str) -> dict[str, Any]:
    try:
        value = json.loads(
            base64.urlsafe_b64decode(segment + "=" * (-len(segment) % 4)),
            object_pairs_hook=_each_once,
            parse_constant=_refuse,
        )
    except (ValueError, RecursionError) as error:
        raise NotCompactError("not JSON") from error
    if not isinstance(value, dict):
        raise NotCompactError("not a JSON object")
    return value


def _each_once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    members = dict(pairs)
    if len(members) != len(pairs):
        raise NotCompactError("a member twice")
    return members


def _refuse(_: str) -> None:
    raise NotCompactError("not a number of JSON")
