"""Whether two answers say the same, field by field, however each spells instants, ids and nesting."""

import base64
import binascii
import datetime as dt
import re
import uuid
from collections.abc import Collection, Iterator, Mapping
from typing import Any

_PLACE = re.compile(r"\[(\d+)\]")
_INSTANT = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d")
_LONGEST = 5  # differences told


def differences(
    expected: Any, found: Any, reshape: Mapping[str, str] | None = None, ignored: Collection[str] = ()
) -> list[str]:
    """Return where two answers differ, as sentences; `reshape` says where the second keeps what the first has.

    `reshape` maps a dotted path of ours to the peer's, `[]` for each row of a list:
    `{"progress": "allProgress.nodes", "progress[].organisation": "allProgress.nodes[].trust"}`.
    """
    ours, theirs = dict(_leaves(expected)), dict(_leaves(found))
    if reshape:
        theirs = {_moved(path, reshape): value for path, value in theirs.items()}
    told = [
        f"{path}: {_known(ours, path)} is {_known(theirs, path)} here"
        for path in ours | theirs
        if path not in ignored and _known(ours, path) != _known(theirs, path)
    ]
    return told[:_LONGEST] + ([f"and {len(told) - _LONGEST} more"] if len(told) > _LONGEST else [])


def _leaves(value: Any, path: str = "") -> Iterator[tuple[str, str]]:
    if isinstance(value, Mapping):
        for name, inner in value.items():
            yield from _leaves(inner, f"{path}.{name}" if path else name)
    elif isinstance(value, list):
        yield f"{path}.length", str(len(value))
        for place, inner in enumerate(value):
            yield from _leaves(inner, f"{path}[{place}]")
    elif value is not None:  # an absent thing and an absent field of it are one
        yield path, _plain(value)


def _known(leaves: Mapping[str, str], path: str) -> str:
    return leaves.get(path, "absent")


def _plain(value: Any) -> str:
    """Return one spelling for a value: instants in UTC, our ids as the key they carry."""
    if not isinstance(value, str):
        return repr(value)
    if _INSTANT.match(value):
        told = dt.datetime.fromisoformat(value)
        return (told if told.tzinfo else told.replace(tzinfo=dt.UTC)).astimezone(dt.UTC).isoformat()
    return _key(value) or value


def _key(value: str) -> str | None:
    try:
        _, _, key = base64.urlsafe_b64decode(value + "=" * (-len(value) % 4)).decode().partition(":")
        return str(uuid.UUID(key))
    except (binascii.Error, ValueError):
        return None


def _moved(path: str, reshape: Mapping[str, str]) -> str:
    """Return a peer's path as ours: the longest of the peer's known beginnings is exchanged."""
    places, shape = _PLACE.findall(path), _PLACE.sub("[]", path)
    for ours, theirs in sorted(reshape.items(), key=lambda pair: -len(pair[1])):
        if shape == theirs or shape.startswith((f"{theirs}.", f"{theirs}[")):
            shape = ours + shape[len(theirs) :]
            break
    for place in places:
        shape = shape.replace("[]", f"[{place}]", 1)
    return shape
