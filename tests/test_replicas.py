"""Two replicas on one database: no answer is another tenant's, none older than promised, whatever dies meanwhile."""

import asyncio
import secrets
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import asyncpg
import httpx
import pytest
from prometheus_client.parser import text_string_to_metric_families

from api.database import embedded
from auth.tenancy import Database
from auth.tokens.issuer import Issuer
from tests.cached import LISTENERS
from tests.conftest import clone
from tests.embedded import free_port
from tests.installed import URL, Replica, ring_of, token_of
from tests.replicas import READERS, Traffic
from tests.stage import Stage

READS = 10_000
KILLS = 4


class Installed:
    """Two `reinstate serve` on a database of their own, where three trusts have a system each."""

    def __init__(self, cluster: embedded.Server, folder: Path, held: ExitStack) -> None:
        self.stage = Stage(cluster, clone(cluster))
        self.told = self._told()
        self.key = secrets.token_bytes(32)
        (folder / "installation.key").write_text(self.key.hex(), encoding="ascii")
        environment = {
            "DATABASE_URL": self.stage.url,
            "REINSTATE_KEY_FILE": str(folder / "installation.key"),
            "REINSTATE_URL": URL,
        }
        self.replicas = [Replica(free_port(), environment, folder / f"{number}.log") for number in range(2)]
        for replica in self.replicas:
            replica.start()
            held.callback(replica.kill)
        assert all(replica.ready() for replica in self.replicas)

    def _told(self) -> dict[str, str]:
        told = self.stage.tell()
        for code in ("R1A", "RYG", "RNK"):
            lost = {"product": told["product"], "incident": told["incident"], "name": f"canary of {code}"}
            told[code] = self.stage.change(code, "registerSystem", **lost)["id"]
        return told

    async def tokens(self) -> dict[str, str]:
        """Give everybody a token."""
        database, issuer = Database(self.stage.url), Issuer(URL, self.key)
        ring = await ring_of(database, issuer)
        await database.close()
        return {code: token_of(code, issuer, ring) for code in READERS}

    def counted(self, name: str, **labels: str) -> float:
        """Add up a counter of both replicas'."""
        total = 0.0
        for replica in self.replicas:
            text = httpx.get(f"{replica.url}/metrics", trust_env=False).text
            samples = [sample for family in text_string_to_metric_families(text) for sample in family.samples]
            total += sum(each.value for each in samples if each.name == name and each.labels == labels)
        return total


@pytest.fixture
def installed(cluster: embedded.Server, tmp_path: Path) -> Iterator[Installed]:
    with ExitStack() as held:
        yield Installed(cluster, tmp_path, held)


async def strike(installed: Installed, traffic: Traffic) -> int:
    """Kill the connections that listen, again and again, until there was enough of everything."""
    admin = await asyncpg.connect(installed.stage.server.admin_url)
    struck = kills = 0
    while kills < KILLS or traffic.reads < READS:
        await asyncio.sleep(1.2)
        if kills < KILLS:
            struck += await admin.fetchval(LISTENERS, installed.stage.name)
            kills += 1
        if traffic.wrong:
            break
    await admin.close()
    return struck


async def come_and_go(installed: Installed) -> tuple[Traffic, int]:
    """Read and write at both replicas while their listeners are killed."""
    traffic = Traffic([replica.port for replica in installed.replicas], await installed.tokens(), installed.told)
    writers = [traffic.write(code, every) for code, every in (("R1A", 250), ("RYG", 600), ("RNK", 900))]
    readers = [traffic.read(port) for port in traffic.ports for _ in range(3)]
    async with asyncio.timeout(120):
        moving = asyncio.gather(*writers, *readers)
        struck = await strike(installed, traffic)
        traffic.going = False
        await moving
    return traffic, struck


def test_no_answer_is_anothers_or_too_old(installed: Installed) -> None:
    traffic, struck = asyncio.run(come_and_go(installed))
    assert traffic.wrong == []
    assert traffic.reads >= READS
    assert struck >= KILLS
    assert all(len(trust.all) > 5 for trust in traffic.acknowledged.values())
    assert installed.counted("reinstate_cache_lookups_total", outcome="hit") > READS / 2
    assert installed.counted("reinstate_cache_flushes_total") >= struck
    assert installed.counted("reinstate_requests_total", status="2xx") >= READS
