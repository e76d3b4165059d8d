"""How often a thing may be tried in vain: a stranger's failures never make a known browser wait (OWASP)."""

import datetime as dt
import ipaddress
import math
import secrets
from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import func, update
from sqlalchemy.dialects.postgresql import insert
from sqlmodel import col, select

from auth.people.tables import Attempt
from auth.tenancy import Transaction
from auth.tokens.sealing import is_marked, mark
from auth.tokens.secret import hashed

KNOWN_DAYS = 90
MOST_KNOWN = 8  # people of one browser that are remembered; the longest away goes first
LONGEST_WAIT = 900  # seconds
_KEPT = dt.timedelta(days=1)
_PURPOSE = "known browser"


@dataclass(frozen=True)
class Visitor:
    """Where a request comes from: its network, and the cookie that says who signed in there before."""

    address: str | None = None
    known: str | None = None


@dataclass(frozen=True)
class Bucket:
    """What is counted together: `free` failures cost nothing; one is forgotten every `leak` seconds."""

    name: str
    free: int
    leak: int
    own: bool = True  # of one person at one place: a success empties it

    def level(self, failures: int, since: float) -> int:
        """Return how many failures still count, some seconds after the last."""
        return max(0, failures - int(since) // self.leak)

    def wait(self, failures: int, since: float) -> int:
        """Return for how many seconds to wait yet; it doubles with every failure."""
        over = self.level(failures, since) - self.free
        whole = min(1 << min(over, 10), LONGEST_WAIT) if over >= 0 else 0
        return max(0, math.ceil(whole - since))


def buckets(key: bytes, act: str, subject: str, visitor: Visitor) -> list[Bucket]:
    """Return where a try of this act counts; who is tried need not exist."""
    who = hashed(f"{act} {subject}")
    known = next((each for each in _entries(visitor.known) if _is_known(each, key, subject)), None)
    if known:
        return [Bucket(f"known {hashed(who + known)}", free=5, leak=600)]
    network = network_of(visitor.address)
    strangers = [
        Bucket(f"stranger {hashed(f'{who} {network}')}", free=5, leak=600),
        Bucket(f"subject {who}", free=30, leak=300, own=False),
    ]
    if network:
        strangers.append(Bucket(f"network {hashed(f'{act} {network}')}", free=100, leak=10, own=False))
    return strangers


def own_bucket(act: str, subject: str) -> list[Bucket]:
    """Return where a try counts of somebody who is signed in already."""
    return [Bucket(f"own {hashed(f'{act} {subject}')}", free=10, leak=60, own=False)]


async def take(db: Transaction, counted: Sequence[Bucket]) -> int:
    """Count a try before it is made, so that many at once are many; return the seconds to wait instead, if any."""
    await db.lock(*(bucket.name for bucket in counted))
    now = await db.clock()
    found = await db.all(select(Attempt).where(col(Attempt.bucket).in_([bucket.name for bucket in counted])))
    rows = {row.bucket: row for row in found}
    levels, waits = {}, [0]
    for bucket in counted:
        row = rows.get(bucket.name)
        failures, since = (row.failures, (now - (row.expires_at - _KEPT)).total_seconds()) if row else (0, 0.0)
        levels[bucket.name] = bucket.level(failures, since)
        waits.append(bucket.wait(failures, since))
    if not any(waits):
        until = now + _KEPT
        rows_now = [{"bucket": name, "failures": level + 1, "expires_at": until} for name, level in levels.items()]
        begun = insert(Attempt).values(rows_now)
        anew = {name: begun.excluded[name] for name in ("failures", "expires_at")}
        await db.write(begun.on_conflict_do_update(index_elements=[col(Attempt.bucket)], set_=anew))
    return max(waits)


async def succeeded(db: Transaction, counted: Sequence[Bucket]) -> None:
    """Take back the count of a try that was right: a person's own at a place is forgotten altogether."""
    await db.lock(*(bucket.name for bucket in counted))
    for bucket in counted:
        left = 0 if bucket.own else func.greatest(col(Attempt.failures) - 1, 0)
        await db.write(update(Attempt).where(col(Attempt.bucket) == bucket.name).values(failures=left))


def network_of(address: str | None) -> str | None:
    """Return the network of an address; None for one that may be a proxy's, behind which everybody is."""
    try:
        given = ipaddress.ip_address(address or "")
    except ValueError:
        return None
    if isinstance(given, ipaddress.IPv6Address) and given.ipv4_mapped:
        given = given.ipv4_mapped
    length = 24 if given.version == 4 else 64  # noqa: PLR2004 - the versions of the protocol
    return str(ipaddress.ip_network(f"{given}/{length}", strict=False)) if given.is_global else None


def remembered(key: bytes, subject: str, known: str | None) -> str:
    """Return the cookie of a browser in which this person has now signed in, too."""
    others = [each for each in _entries(known) if not _is_known(each, key, subject)]
    nonce = secrets.token_urlsafe(12)
    return "~".join([f"{nonce}.{mark(key, _PURPOSE, subject, nonce)}", *others][:MOST_KNOWN])


def _entries(known: str | None) -> list[str]:
    return (known or "")[:2000].split("~")[:MOST_KNOWN]


def _is_known(entry: str, key: bytes, subject: str) -> bool:
    nonce, _, given = entry.partition(".")
    return is_marked(given, key, _PURPOSE, subject, nonce)
