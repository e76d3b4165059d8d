"""The story of the worlds: everything each kind of organisation may do, done by every organisation of that kind."""

from typing import Any, Protocol

from schema.organisation import OrganisationKind as Kind
from schema.people.account import Role
from tests.isolation.oracle import KIND, REGION, Told, of_kind

BACK = "https://application.example/back"
LATE = "2932-01-01T00:00:00+00:00"


class Teller(Protocol):
    """What a story is told to."""

    async def change(self, told: Told, verb: str, **given: Any) -> str:
        """Make a change and return the id of what it made."""

    async def signed_in(self, told: Told) -> str:
        """Have somebody sign in for an organisation and return the id of the session."""

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
    held = {of_kind(Kind.ASSURER)[0]: next(iter(products.values()))[1], national: incident}
    for code, thing in {**{supplier: made[0] for supplier, made in products.items()}, **held}.items():
        await _hold(to, Told(code), thing)
    for trust in of_kind(Kind.TRUST):
        await _trust(to, trust, incident, regional[str(REGION[trust])])
        for supplier, made in products.items():
            await _recovery(to, Told(trust, supplier=supplier), incident, made)
            await _recovery(to, Told(trust, supplier=supplier), await to.made_by(Told(trust), "Incident"), made)
    for code, kind in KIND.items():
        await _administration(to, Told(code), next(role for role in Role if role.kinds == {kind}))


async def _administration(to: Teller, told: Told, role: Role) -> None:
    await to.change(told, "openAccount")
    account = await to.change(told, "openAccount", roles=[role])
    membership = await to.change(told, "grantRole", account=account, role="ADMINISTRATOR")
    for verb in ("suspendAccount", "restoreAccount", "resetAccount"):
        await to.change(told, verb, account=account)
    await to.change(told, "endRole", membership=membership)
    await to.change(told, "endSession", session=await to.signed_in(told))
    await to.signed_in(told)
    await to.change(told, "revokeClient", client=await to.change(told, "registerClient"))
    await to.change(told, "registerClient", kind="APPLICATION", redirectUris=[BACK], publicJwks=None)
    issuer = await to.change(told, "registerIssuer")
    for verb in ("disableIssuer", "enableIssuer"):
        await to.change(told, verb, issuer=issuer)
    mapping = await to.change(told, "mapIssuerRole", issuer=issuer, role=role)
    await to.change(told, "endIssuerMapping", mapping=mapping)
    await to.change(told, "mapIssuerRole", issuer=issuer, role=role)


async def _hold(to: Teller, told: Told, held: str) -> None:
    await to.change(told, "placeHold", held=held)
    await to.change(told, "releaseHold", hold=await to.change(told, "placeHold", held=held))


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
    for code in (told.owner, str(REGION[told.owner])):
        await _hold(to, Told(code, trust=told.owner, supplier=told.supplier), system)
    report = await to.change(told, "reportTest", system=system, build=product[1])
    await to.change(told, "correctTestReport", corrects=report)
    await _promise(to, Told(str(told.supplier), trust=told.owner), product=product[0], system=system)
