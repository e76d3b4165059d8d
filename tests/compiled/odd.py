"""Rows of every shape beside the world's own: odd texts, nulls, corrections, slips both ways, results gone stale."""

import itertools
import json
import uuid
from typing import Any

from api.graphql.engine import Engine, Request
from auth.caller import Operator
from auth.tenancy import Database
from schema.organisation import ListOrganisation, OrganisationKind
from tests.isolation.world import World
from tests.stage import ATTACK, BUILT, CARENOTES, LISTED, PROMISED, caller, mutation_document
from tests.test_spine import FAILED, PASSED
from trusts import organisations

ODD = (
    'He said "go" \\ then \'stop\' \\" \\\\',
    "tab\tnew\nline\rend\b\f",
    "\x01\x1f\x7f\x80\x9f",
    "</script><!-- &amp; --> <b>",
    "%s %(x)s :x ::y $1 ?  ${z}",
    "kůň 日本語 🚑 👩🏽‍⚕️ \U0010ffff",
    "\u2028\u2029\ufeff e\u0301",
    "'; drop table system; --",
    '{"data": [null, "\\u0000"]}',
    " .. ",
)
MANDATORY = ("CONNECTIVITY", "SMOKE", "ACCESS", "INTERFACE", "DATA_INTEGRITY", "UAT", "OAT")
TRUSTS = ("R1A", "RYG", "RNK")


class Odd:
    """Tells the odd part of a world."""

    def __init__(self, database: Database, world: World) -> None:
        self._database = database
        self._engine = Engine(database)
        self._world = world
        self._texts = itertools.cycle(ODD)
        self._numbers = itertools.count(1)

    async def tell(self) -> None:
        """Tell all of it."""
        incident = self._world.of("Incident", owner="NATIONAL")[0].id
        await self._organisations()
        for trust in TRUSTS:
            for supplier in ("SUPPLIER", "RIVAL"):
                await self._recovery(trust, supplier, incident)
        for who in ("R1A", "Y56", "NATIONAL"):
            opened = {**ATTACK, "reference": f"ODD-{next(self._numbers)}", "title": self._text, "cause": self._text}
            opened_as = "RIVAL" if who == "Y56" else "SUPPLIER"
            await self._change(who, "openIncident", **{**opened, "supplierOds": opened_as})

    async def _organisations(self) -> None:
        """List some of odd names, and move a trust to another region, of which the past knows nothing."""
        for number, name in enumerate(ODD):
            stated = ListOrganisation(ods_code=f"ODD{number}", name=name, kind=OrganisationKind.TRUST, region_ods="Y60")
            await self._list(stated)
        name, kind, _ = LISTED["RYG"]
        await self._list(ListOrganisation(ods_code="RYG", name=name, kind=kind, region_ods="Y56"))

    async def _list(self, stated: ListOrganisation) -> None:
        async with self._database.change(Operator(tenant_ods=stated.ods_code), "organisation add") as db:
            await organisations.put_on_list(db, stated)

    async def _recovery(self, trust: str, supplier: str, incident: str) -> None:
        named = {**CARENOTES, "code": f"ODD_{next(self._numbers)}", "name": self._text}
        product = await self._change(supplier, "registerProduct", **named)
        build = await self._build(supplier, product, safety=True)
        lost = {"product": product, "incident": incident, "name": self._text, "state": "REBUILDING"}
        system = await self._change(trust, "registerSystem", **lost)
        bare = await self._change(trust, "registerSystem", **{**lost, "name": self._text})
        await self._report(trust, system, build, MANDATORY[:1], FAILED)
        if supplier == "SUPPLIER":
            build = await self._build(supplier, product, safety=False)
        await self._report(trust, system, build, MANDATORY if trust == "R1A" else MANDATORY[1:4], PASSED)
        await self._report(trust, bare, build, ("SMOKE", "SMOKE", "SMOKE"), FAILED)
        if trust == "RNK":
            await self._build(supplier, product, safety=True)  # whatever was reported is stale
        stand_in = {"kind": "PAPER", "name": self._text, "liveOn": "2022-08-04", "closedOn": "2023-01-01"}
        await self._change(trust, "registerInterimSystem", system=system, **stand_in)
        for about in ({"product": product}, {"product": product, "system": system}):
            await self._promise(supplier, about)

    async def _build(self, supplier: str, product: str, *, safety: bool) -> str:
        built = {**BUILT, "label": f"ODD-{next(self._numbers)}", "safetyRelevantChange": safety}
        return await self._change(supplier, "registerBuild", product=product, releaseNotes=self._text, **built)

    async def _report(self, trust: str, system: str, build: str, tests: tuple[str, ...], figures: Any) -> None:
        for test in tests:
            told = {**figures, "test": test, "notes": self._text, "asOf": "2022-11-08T12:00:00.120000Z"}
            report = await self._change(trust, "reportTest", system=system, build=build, **told)
            if test == "SMOKE":
                await self._change(trust, "correctTestReport", corrects=report, reason=self._text, **PASSED)

    async def _promise(self, supplier: str, about: dict[str, str]) -> None:
        promise = await self._change(supplier, "publishMilestone", **about, **{**PROMISED, "title": self._text})
        for day, reason in (("2022-10-01", "DEFECT"), ("2022-09-20", "EARLIER_THAN_PLANNED"), ("2022-12-24", "OTHER")):
            moved = {"forecastOn": day, "confidence": "HIGH", "reasonCode": reason, "note": self._text}
            await self._change(supplier, "reviseForecast", milestone=promise, **moved)
        met = await self._change(supplier, "publishMilestone", **about, **{**PROMISED, "title": self._text})
        await self._change(supplier, "meetMilestone", milestone=met, actualAt="2022-09-10T23:30:00Z")

    @property
    def _text(self) -> str:
        return next(self._texts)

    async def _change(self, code: str, verb: str, /, **given: Any) -> str:
        request = Request(mutation_document(verb, "id"), {"input": given}, None, str(uuid.uuid4()))
        body = json.loads((await self._engine.answer(request, caller(code))).body)
        assert "id" in body.get("data", {}).get(verb, {}), (verb, given, body)
        return str(body["data"][verb]["id"])
