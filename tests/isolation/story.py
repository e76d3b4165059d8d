"""The story of the worlds: everything each kind of organisation may do, done by every organisation of that kind."""

from typing import Any, Protocol

from schema.organisation import OrganisationKind as Kind
from tests.isolation.oracle import REGION, Told, of_kind

LATE = "2932-01-01T00:00:00+00:00"


class Teller(Protocol):
    """What a story is told to."""

    async def change(self, told: Told, verb: str, **given: Any) -> str:
        """Make a change and return the id of what it made."""

    async def made_by(self, told: Told, noun: str) -> str:
        """Return the id of the latest row of a noun that an organisation made."""


Products = dict[str, tuple[str, str]]


async def tell(to: Teller) -> None:
    """Tell the whole story."""
    (national,) = of_kind(Kind.NATIONAL)
    products = {code: await _product(to, code) for code in of_kind(Kind.SUPPLIER)}
    incident = await to.change(Told(national), "openIncident", declaration={})
    regional = {code: await _region(to, code, incident) for code in of_kind(Kind.REGION)}
    await _declare(to, Told(national), next(iter(regional.values())))
    for trust in of_kind(Kind.TRUST):
        await _trust(to, trust, incident, regional[str(REGION[trust])])
        for supplier, made in products.items():
            await _recovery(to, Told(trust, supplier=supplier), incident, made)
            await _recovery(to, Told(trust, supplier=supplier), await to.made_by(Told(trust), "Incident"), made)


async def _product(to: Teller, supplier: str) -> tuple[str, str]:
    told = Told(supplier)
    product = await to.change(told, "registerProduct")
    await to.change(told, "registerBuild", product=product)
    build = await to.change(told, "registerBuild", product=product)
    await _promise(to, told, product=product)
    return product, build


async def _promise(to: Teller, told: Told, **about: str) -> None:
    promised = await to.change(told, "publishMilestone", **about)
    await to.change(told, "reviseForecast", milestone=promised)
    met = await to.change(told, "publishMilestone", **about)
    await to.change(told, "meetMilestone", milestone=met)


async def _declare(to: Teller, told: Told, incident: str) -> None:
    declared = await to.change(told, "declareIncident", incident=incident)
    await to.change(told, "standDownIncident", declaration=declared, effectiveFrom=LATE)


async def _region(to: Teller, region: str, incident: str) -> str:
    await _declare(to, Told(region), incident)
    return await to.change(Told(region, supplier="RIVAL"), "openIncident", declaration={}, supplierOds="RIVAL")


async def _trust(to: Teller, trust: str, incident: str, regional: str) -> None:
    await _declare(to, Told(trust), incident)
    await to.change(Told(trust), "declareIncident", incident=regional)
    await to.change(Told(trust, supplier="SUPPLIER"), "openIncident", declaration={})
    await to.change(Told(trust), "openIncident", declaration={}, supplierOds=None)


async def _recovery(to: Teller, told: Told, incident: str, product: tuple[str, str]) -> None:
    system = await to.change(told, "registerSystem", product=product[0], incident=incident)
    await to.change(told, "registerInterimSystem", system=system)
    report = await to.change(told, "reportTest", system=system, build=product[1])
    await to.change(told, "correctTestReport", corrects=report)
    await _promise(to, Told(str(told.supplier), trust=told.owner), product=product[0], system=system)
