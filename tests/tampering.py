"""Every way we know to tamper with an export; each answers the place where it must be found."""

import random
from collections.abc import Callable
from dataclasses import dataclass, replace

from auth.checkpoint import Checkpoint
from trusts.audit.link import COLUMNS, FIRST_HASH, hashed

Links = list[dict[str, str | None]]
Place = tuple[str, int]


@dataclass(frozen=True)
class Attempt:
    """An export somebody tampered with, where that must be found (None: anywhere), and the checkpoints we hold."""

    links: Links
    found_at: Place | None
    checkpoints: tuple[Checkpoint, ...] = ()


Way = Callable[[random.Random, Links], Attempt]


def luck(seed: int) -> random.Random:
    """Return chances that come again."""
    return random.Random(seed)  # noqa: S311 - a test is to be repeatable


def place(link: dict[str, str | None]) -> Place:
    """Return an event's organisation and number."""
    return str(link["tenant_ods"]), int(str(link["sequence"]))


def heads(links: Links) -> tuple[Checkpoint, ...]:
    """Return a checkpoint of each chain's last event."""
    last = {link["tenant_ods"]: link for link in links}
    return tuple(Checkpoint(*place(link), str(link["hash"]), str(link["recorded_at"])) for link in last.values())


def altered(chance: random.Random, value: str | None) -> str | None:
    """Return a value with one character or bit changed, left out or put in; null for a text or the other way."""
    if not value:
        return chance.choice("x0~")
    at = chance.randrange(len(value))
    bit = chr(ord(value[at]) ^ (1 << chance.randrange(7)))
    changed = chance.choice([bit, bit, bit, "", value[at] + chance.choice("0x;")])
    result = value[:at] + changed + value[at + 1 :]
    return None if chance.random() < 0.05 else result


def change_a_column(chance: random.Random, links: Links) -> Attempt:
    """Change one column of one event, the hash and the link included."""
    at, column = chance.randrange(len(links)), chance.choice(COLUMNS)
    where = place(links[at])
    links[at] = {**links[at], column: altered(chance, links[at][column])}
    hidden = column == "tenant_ods" and where[1] == 1  # nothing else says whose chain would have begun here
    return Attempt(links, None if hidden else where)


def drop_a_line(chance: random.Random, links: Links) -> Attempt:
    """Leave an event out; the last of a chain is missed by its checkpoint alone."""
    witnesses = heads(links)
    gone = links.pop(chance.randrange(len(links)))
    return Attempt(links, place(gone), witnesses if place(gone) in _ends(witnesses) else ())


def swap_two(chance: random.Random, links: Links) -> Attempt:
    """Put two events of one chain into each other's place."""
    one = chance.choice(links)
    same = [at for at, link in enumerate(links) if link["tenant_ods"] == one["tenant_ods"]]
    first, second = sorted(chance.sample(same, 2))
    where = place(links[first])
    links[first], links[second] = links[second], links[first]
    return Attempt(links, where)


def swap_across_chains(chance: random.Random, links: Links) -> Attempt:
    """Put two events of different chains into each other's place."""
    first = chance.randrange(len(links))
    others = [at for at, link in enumerate(links) if link["tenant_ods"] != links[first]["tenant_ods"]]
    second = chance.choice(others)
    links[first], links[second] = links[second], links[first]
    return Attempt(links, None)


def repeat_one(chance: random.Random, links: Links) -> Attempt:
    """Put an event in a second time, anywhere later."""
    at = chance.randrange(len(links))
    links.insert(chance.randrange(at + 1, len(links) + 1), links[at])
    return Attempt(links, place(links[at]))


def forge_one(chance: random.Random, links: Links) -> Attempt:
    """Put an event in whose own hash is right: linked wrongly, or rightly where another event was."""
    at = chance.randrange(len(links))
    tenant, sequence = place(links[at])
    before = [FIRST_HASH, links[at]["previous_hash"]]
    if (tenant, sequence) not in _ends(heads(links)):
        before.append(links[at]["hash"])
    forged = {**links[at], "sequence": str(sequence + 1), "reason": "Forged", "previous_hash": chance.choice(before)}
    links.insert(at + 1, {**forged, "hash": hashed(forged)})
    return Attempt(links, (tenant, sequence + 1))


def chain_anew(chance: random.Random, links: Links) -> Attempt:
    """Change an event and take all hashes after it again: only a checkpoint knows."""
    witnesses = heads(links)
    start = chance.randrange(len(links))
    tenant = links[start]["tenant_ods"]
    links[start] = {**links[start], "actor": f"{links[start]['actor']}x"}
    before = links[start]["previous_hash"]
    for at in range(start, len(links)):
        if links[at]["tenant_ods"] == tenant:
            linked = {**links[at], "previous_hash": before}
            before = hashed(linked)
            links[at] = {**linked, "hash": before}
    return Attempt(links, next(end for end in _ends(witnesses) if end[0] == tenant), witnesses)


def cut_the_tail(chance: random.Random, links: Links) -> Attempt:
    """Leave out the last events of a chain, or all of it."""
    witnesses = heads(links)
    tenant, sequence = place(chance.choice(links))
    kept = [link for link in links if place(link)[0] != tenant or place(link)[1] < sequence]
    return Attempt(kept, (tenant, sequence), witnesses)


def change_the_checkpoint(chance: random.Random, links: Links) -> Attempt:
    """Change what a checkpoint says."""
    said = chance.choice(links)
    true = Checkpoint(*place(said), str(said["hash"]), str(said["recorded_at"]))
    other = chance.choice([link for link in links if link["tenant_ods"] != said["tenant_ods"]])
    false = chance.choice(
        [
            replace(true, hash=str(altered(chance, true.hash))),
            replace(true, at=str(altered(chance, true.at))),
            replace(true, sequence=true.sequence + chance.choice([1, 2, 10, 10_000])),
            replace(true, tenant_ods=str(other["tenant_ods"])),
        ]
    )
    last = max(place(link)[1] for link in links if link["tenant_ods"] == false.tenant_ods)
    return Attempt(links, (false.tenant_ods, min(false.sequence, last + 1)), (false,))


def _ends(witnesses: tuple[Checkpoint, ...]) -> set[Place]:
    return {(witness.tenant_ods, witness.sequence) for witness in witnesses}


WAYS: list[Way] = [
    change_a_column,
    drop_a_line,
    swap_two,
    swap_across_chains,
    repeat_one,
    forge_one,
    chain_anew,
    cut_the_tail,
    change_the_checkpoint,
]
