"""One event as the strings that were hashed: what an export's line holds, and its hash taken again."""

import hashlib
import json
import re
from collections.abc import Mapping
from typing import Any

FIELDS = (
    "tenant_ods",
    "sequence",
    "xid",
    "id",
    "owner_ods",
    "trust_ods",
    "region_ods",
    "supplier_ods",
    "audience",
    "actor",
    "actor_kind",
    "verb",
    "object_type",
    "object_key",
    "row",
    "reason",
    "effective_at",
    "recorded_at",
    "request_id",
    "previous_hash",
)  # in the order of app.canonical, migrations/0002_ledger.sql
COLUMNS = (*FIELDS, "hash")
EMPTY_MAY_BE = {"trust_ods", "region_ods", "supplier_ods", "actor_kind", "reason", "request_id"}
FIRST_HASH = hashlib.sha256(b"reinstate").hexdigest()

Link = Mapping[str, Any]

_NAMES = frozenset(COLUMNS)
_ODS = re.compile(r"[A-Z0-9]{3,10}")


class NotJsonError(ValueError):
    """A line that is no JSON object."""


def write_line(link: Link) -> str:
    """Return an event as a line of an export, without its end."""
    return json.dumps(link, ensure_ascii=False, separators=(",", ":"))


def read_line(line: str | bytes) -> Link:
    """Return what a line says, not yet believed."""
    try:
        text = line.decode() if isinstance(line, bytes) else line
        link = json.loads(text, object_pairs_hook=_each_once)
    except (ValueError, RecursionError) as error:
        raise NotJsonError from error
    if not isinstance(link, dict):
        raise NotJsonError
    return link


def misshapen(link: Link) -> str | None:
    """Return what keeps this from being an event at all: a field too many, too few, or no text."""
    if unlike := link.keys() ^ _NAMES:
        name = min(unlike)
        return f"lacks {name}" if name in _NAMES else f"holds {name[:40]!a}, which no event has"
    for name, value in link.items():
        if not isinstance(value, str) and (value is not None or name not in EMPTY_MAY_BE):
            return f"has no text in {name}"
    return None if _ODS.fullmatch(link["tenant_ods"]) else "names no organisation"


def hashed(link: Link) -> str:
    """Return the SHA-256 of an event's canonical form: each field as length:value; or ~; for null."""
    return hashlib.sha256(b"".join([_spell(link[name]) for name in FIELDS])).hexdigest()


def _spell(value: str | None) -> bytes:
    if value is None:
        return b"~;"
    # A lone surrogate is no text of PostgreSQL's; its bytes give another hash, which is the answer wanted.
    data = value.encode("utf-8", "surrogatepass")
    return b"%d:%b;" % (len(data), data)


def _each_once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    members = dict(pairs)
    if len(members) != len(pairs):
        raise NotJsonError
    return members
