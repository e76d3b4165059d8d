"""Metrics: what was counted, in Prometheus' words, with nobody's name in it."""

import asyncio
from collections.abc import Iterator

import pytest
from prometheus_client.parser import text_string_to_metric_families

from api import metrics
from api.database import embedded
from auth.caller import Operator
from tests.asked import VIEWER, Http, asking
from tests.stage import LISTED

LABELS = {
    "kind": {"compiled", "executed"},
    "outcome": {"hit", "miss"},
    "status": {"2xx", "3xx", "4xx", "5xx"},
    "le": {*map(str, metrics.BOUNDS), "+Inf"},
}


@pytest.fixture(scope="module")
def http(cluster: embedded.Server) -> Iterator[Http]:
    with asking(cluster) as http:
        yield http


def counted(http: Http) -> dict[tuple[str, ...], float]:
    """Give every sample by its name and labels."""
    answer = http.run(http.site.http.get("/metrics"))
    assert (answer.status_code, answer.headers["content-type"]) == (200, metrics.CONTENT_TYPE)
    families = text_string_to_metric_families(answer.text)
    return {(s.name, *s.labels.values()): s.value for family in families for s in family.samples}


def test_requests_are_counted_by_class_of_status_and_timed(http: Http) -> None:
    before = counted(http)
    for _ in range(3):
        http.post(VIEWER)
    http.send("GET", "/nowhere")
    http.send("PUT")
    after = counted(http)

    def more(*name: str) -> float:
        return after[name] - before[name]

    assert more("reinstate_requests_total", "2xx") == 4  # the look before among them
    assert more("reinstate_requests_total", "4xx") == 2
    assert more("reinstate_requests_total", "5xx") == 0
    assert more("reinstate_request_seconds_count") == more("reinstate_request_seconds_bucket", "+Inf") == 6
    buckets = [after["reinstate_request_seconds_bucket", str(bound)] for bound in metrics.BOUNDS]
    assert buckets == sorted(buckets)
    assert 0 < more("reinstate_request_seconds_sum") < 60
    assert more("reinstate_cache_lookups_total", "miss") == 3


def test_answers_are_counted_by_how_they_were_made(http: Http) -> None:
    before = counted(http)
    metrics.answered("compiled")
    metrics.fell_back("promise")
    metrics.fell_back("promise")
    after = counted(http)
    assert after["reinstate_answers_total", "compiled"] == before["reinstate_answers_total", "compiled"] + 1
    assert after["reinstate_answers_total", "executed"] == before["reinstate_answers_total", "executed"] + 2
    assert after["reinstate_fallbacks_total", "promise"] == before.get(("reinstate_fallbacks_total", "promise"), 0) + 2


def test_reasons_are_few(http: Http, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(metrics, "_fallbacks", metrics.Counter())
    for number in range(1000):
        metrics.fell_back(f"reason {number}")
    reasons = {name[1]: value for name, value in counted(http).items() if name[0] == "reinstate_fallbacks_total"}
    assert (len(reasons), sum(reasons.values())) == (metrics.MOST_REASONS + 1, 1000)


def test_connections_in_use_are_those_of_now(http: Http) -> None:
    async def holding() -> float:
        async with http.site.database.transaction(Operator("R1A"), "test"):
            text = (await http.site.http.get("/metrics")).text
        return float(text.rsplit("reinstate_database_connections_in_use ", 1)[1].split()[0])

    assert http.run(asyncio.wait_for(holding(), 10)) == 1
    assert counted(http)["reinstate_database_connections_in_use",] == 0


def test_no_label_names_anybody_or_what_was_asked(http: Http) -> None:
    for code in LISTED:
        http.token = http.run(http.site.token(code))
        http.post("{ systems { totalCount } }", operationName=None)
    for line in http.run(http.site.http.get("/metrics")).text.splitlines():
        assert line.startswith(("#", "reinstate_"))
    for family in text_string_to_metric_families(http.run(http.site.http.get("/metrics")).text):
        for sample in family.samples:
            for label, value in sample.labels.items():
                assert label == "reason" or value in LABELS[label]
