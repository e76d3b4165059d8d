"""Proof that history is whole: nothing can be changed, left out, put in or cut without being found."""

import io
import json
import tracemalloc
from collections.abc import Iterator

import pytest

from auth.tenancy import Database
from schema.event import Event
from tests.ledger import as_superuser, exported, open_incident, with_database, write
from tests.stage import Stage, caller
from tests.tampering import WAYS, Attempt, Links, Way, heads, luck, place
from trusts.audit import ledger
from trusts.audit.chain import Verdict, verify
from trusts.audit.link import COLUMNS, FIELDS, hashed, read_line, write_line

TRIALS = 150
CHAINS = {"R1A": 24, "RYG": 12, "RNK": 5}


@pytest.fixture(scope="module")
def lines(stage: Stage) -> list[bytes]:
    """An export of chains of several lengths, with text that is not ASCII."""

    async def story(database: Database) -> None:
        for code, length in CHAINS.items():
            await write(database, code, *(f"I-{number}" for number in range(length)))
            async with database.change(caller(code), "openIncident") as db:
                title = 'Störung — "Carenotes" \\ 🏥\n'
                await open_incident(db, "PLAIN", title=title, supplier_ods="SUPPLIER")

    with_database(stage, story)
    return exported(stage)


@pytest.fixture
def links(lines: list[bytes]) -> Links:
    """The events of the three chains that are worth tampering with."""
    return [link for link in map(dict, map(read_line, lines)) if link["tenant_ods"] in CHAINS]


def _verify(attempt: Attempt) -> Verdict:
    return verify(map(write_line, attempt.links), attempt.checkpoints)


def test_an_export_and_the_database_are_whole(stage: Stage, lines: list[bytes], links: Links) -> None:
    witnesses = heads(links)
    offline = verify(lines, witnesses)
    live = with_database(stage, lambda database: ledger.verify(database, witnesses))
    assert offline == live
    assert (offline.intact, offline.events) == (True, len(lines))
    assert set(offline.heads.values()) >= set(witnesses)


def test_an_export_has_every_column_and_the_hash_covers_all_but_itself() -> None:
    assert list(COLUMNS) == [*FIELDS, "hash"]
    assert list(COLUMNS) == list(Event.__table__.columns.keys())  # type: ignore[attr-defined] # SQLModel's own


def test_an_export_of_one_organisation_stands_alone(stage: Stage, links: Links) -> None:
    lines = exported(stage, "RYG")
    assert [read_line(line) for line in lines] == [link for link in links if link["tenant_ods"] == "RYG"]
    assert verify(lines).intact


def test_the_head_is_the_last_event(stage: Stage, links: Links) -> None:
    found = with_database(stage, lambda database: ledger.head(database, "R1A"))
    assert found in heads(links)
    assert with_database(stage, lambda database: ledger.head(database, "NOBODY")) is None


@pytest.mark.parametrize("way", WAYS, ids=lambda way: way.__name__)
def test_no_tampering_is_missed(links: Links, way: Way) -> None:
    for seed in range(TRIALS):
        attempt = way(luck(seed), list(links))
        fault = _verify(attempt).fault
        assert fault, f"{way.__name__}, seed {seed}, was missed"
        if attempt.found_at:
            tenant, sequence = attempt.found_at
            assert (fault.tenant_ods, fault.sequence) == attempt.found_at, (seed, fault)
            assert fault.sentence.startswith(f"Event {sequence} of {tenant} "), (seed, fault)


@pytest.mark.parametrize("column", COLUMNS)
def test_a_change_of_any_column_is_found_where_it_is(links: Links, column: str) -> None:
    for at, link in enumerate(links):
        changed = [*links[:at], {**link, column: f"{link[column] or ''}0"}, *links[at + 1 :]]
        fault = _verify(Attempt(changed, None)).fault
        assert fault
        assert fault.sequence == place(link)[1]


def test_a_flipped_bit_anywhere_in_the_file_is_found(lines: list[bytes]) -> None:
    whole, chance = b"".join(lines), luck(0)
    for _ in range(TRIALS):
        damaged = bytearray(whole)
        damaged[chance.randrange(len(whole))] ^= 1 << chance.randrange(8)
        fault = verify(io.BytesIO(damaged)).fault
        assert fault


def test_data_loss_is_called_so(links: Links) -> None:
    witnesses = heads(links)
    cut = [link for link in links if link["tenant_ods"] != "RYG" or place(link)[1] <= 3]
    fault = _verify(Attempt(cut, None, witnesses)).fault
    assert fault
    assert "data loss" in fault.sentence
    assert "the tail after 3 was cut, or this is a restore older than the checkpoint" in fault.sentence


@pytest.mark.parametrize(
    "line",
    [
        b"",
        b"\n",
        b"[]",
        b"null",
        b"{",
        b'{"tenant_ods":"R1A"}',
        b"\xff\xfe",
        b"[" * 100_000,
        b'{"a":1,"a":1}',
        b"1" * 9999,
    ],
)
def test_what_is_no_event_is_found(lines: list[bytes], line: bytes) -> None:
    verdict = verify([*lines[:5], line, *lines[5:]])
    assert verdict.fault
    assert verdict.events == 5


@pytest.mark.parametrize("value", [7, 1.5, True, ["x"], {"x": "y"}, "\ud800"])
def test_what_is_no_text_is_found(links: Links, value: object) -> None:
    for column in COLUMNS:
        changed = json.dumps({**links[3], column: value})
        assert verify([*map(write_line, links[:3]), changed]).events == 3


def test_a_field_more_less_or_twice_is_found(links: Links) -> None:
    line = write_line(links[0])
    more, twice = f'{line[:-1]},"note":"x"}}', f'{line[:-1]},"verb":"x"}}'
    less = write_line({name: value for name, value in links[0].items() if name != "reason"})
    for tampered in (more, less, twice):
        assert verify([tampered]).fault


def test_chains_must_not_be_mixed(links: Links) -> None:
    first = [link for link in links if link["tenant_ods"] == "R1A"]
    second = [link for link in links if link["tenant_ods"] == "RYG"]
    fault = _verify(Attempt([*first[:5], *second, *first[5:]], None)).fault
    assert fault
    assert (fault.tenant_ods, fault.sequence) == ("R1A", 6)


def test_a_long_chain_takes_no_more_memory_than_a_short_one(links: Links) -> None:
    def lines(length: int) -> Iterator[str]:
        before = links[0]["previous_hash"]
        for number in range(1, length + 1):
            link = {**links[0], "sequence": str(number), "previous_hash": before}
            before = hashed(link)
            yield write_line({**link, "hash": before})

    def peak(length: int) -> int:
        tracemalloc.start()
        assert verify(lines(length)).events == length
        used = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        return used

    peak(10)
    assert peak(5000) < 2 * peak(500)


def test_what_the_servers_owner_changed_past_every_trigger_is_found(fresh_stage: Stage) -> None:
    with_database(fresh_stage, lambda database: write(database, "R1A", *(f"I-{n}" for n in range(6))))
    witness = with_database(fresh_stage, lambda database: ledger.head(database, "R1A"))
    assert witness

    def verdict(*statements: str) -> Verdict:
        as_superuser(fresh_stage, "set session_replication_role = replica", *statements)
        return with_database(fresh_stage, lambda database: ledger.verify(database, [witness]))

    assert verdict("select 1").intact
    changed = verdict("update event set actor = 'nobody' where tenant_ods = 'R1A' and sequence = 3").fault
    assert changed
    assert (changed.tenant_ods, changed.sequence) == ("R1A", 3)
    as_superuser(
        fresh_stage,
        "set session_replication_role = replica",
        "update event set actor = 'r1a-client' where tenant_ods = 'R1A' and sequence = 3",
    )
    cut = verdict("delete from event where tenant_ods = 'R1A' and sequence > 4").fault
    assert cut
    assert (cut.tenant_ods, cut.sequence) == ("R1A", 5)
    assert "data loss" in cut.sentence
