"""Organisations: a region sees a trust by today's boundary; history stays where it was."""

import asyncio

import pytest

from auth.caller import Operator
from auth.tenancy import Database
from schema.organisation import ListOrganisation, Organisation, OrganisationKind
from tests.stage import Stage
from trusts import organisations


def put_on_list(stage: Stage, **stated: str) -> Organisation:
    """List an organisation as the operator does."""

    async def run() -> Organisation:
        database = Database(stage.url)
        try:
            async with database.change(Operator(tenant_ods=stated["ods_code"]), "organisation add") as db:
                return await organisations.put_on_list(db, ListOrganisation(**stated))
        finally:
            await database.close()

    return asyncio.run(run())


def test_a_boundary_change_moves_what_regions_see_and_not_what_happened(fresh_stage: Stage) -> None:
    stage = fresh_stage
    stage.tell("R1A")
    systems = "{ systems { totalCount } activity(first: 200) { nodes { objectType } } }"

    def seen(region: str) -> tuple[int, int]:
        told = stage.ask(region, systems)
        return told["systems"]["totalCount"], told["activity"]["nodes"].count({"objectType": "System"})

    assert (seen("Y60"), seen("Y56")) == ((1, 1), (0, 0))
    before = stage.ask("R1A", '{ organisation(odsCode: "R1A") { name version } }')["organisation"]
    put_on_list(stage, ods_code="R1A", name=before["name"], kind="TRUST", region_ods="Y56")
    assert (seen("Y60"), seen("Y56")) == ((0, 1), (1, 0))
    moved = stage.ask("R1A", '{ organisation(odsCode: "R1A") { version region { odsCode } } }')["organisation"]
    assert moved == {"version": before["version"] + 1, "region": {"odsCode": "Y56"}}


def test_a_region_belongs_to_itself_and_a_code_is_only_a_pattern(fresh_stage: Stage) -> None:
    assert put_on_list(fresh_stage, ods_code="Y63", name="North East", kind="REGION").region_ods == "Y63"
    assert put_on_list(fresh_stage, ods_code="G6V2S", name="North London", kind="TRUST").kind == OrganisationKind.TRUST
    for wrong in ("r1a", "R1", "R1A;", "ABCDEFGHIJK"):
        with pytest.raises(ValueError, match="ods_code"):
            ListOrganisation(ods_code=wrong, name="Wrong", kind=OrganisationKind.TRUST)
