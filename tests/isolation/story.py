"""The story of the worlds: everything each kind of organisation may do, done by every organisation of that kind."""

from schema.organisation import OrganisationKind as Kind
from schema.people.account import Role
from tests.isolation.oracle import KIND, REGION, Told, of_kind
from tests.isolation.story_defects import defects, own_defects
from tests.isolation.story_gates import amended, policy
from tests.isolation.story_products import assured, safe
from tests.isolation.story_recovery import recovered
from tests.isolation.story_waves import waves
from tests.isolation.teller import BACK, LATE, Course, Supplied, Teller

PAIRS = {"SUPPLIER": ("R1A", "RNK"), "RIVAL": ("RYG",)}  # whose systems come back in whose waves


async def tell(to: Teller) -> None:
    """Tell the whole story: how systems come back first, and then what would stop them."""
    (national,) = of_kind(Kind.NATIONAL)
    supplied = [await _product(to, code) for code in of_kind(Kind.SUPPLIER)]
    incident = await to.change(Told(national), "openIncident", declaration={})
    gates = await policy(to, incident)
    things = {national: incident, of_kind(Kind.ASSURER)[0]: supplied[0].build}
    systems: dict[str, str] = {}
    for each in supplied:
        things[each.supplier] = each.product
        systems |= await _reinstatement(to, each, incident, gates)
    regional = {code: await _region(to, code, incident) for code in of_kind(Kind.REGION)}
    await _declare(to, Told(national), next(iter(regional.values())))
    for code, thing in things.items():
        await _hold(to, Told(code), thing)
    await _lost(to, incident, regional, supplied)
    of_regions = {str(REGION[trust]): system for trust, system in systems.items()}
    await _supposed(to, incident, things | systems | of_regions)
    for code, kind in KIND.items():
        await _administration(to, Told(code), next(role for role in Role if role.kinds == {kind}))


async def _lost(to: Teller, incident: str, regional: dict[str, str], supplied: list[Supplied]) -> None:
    """Have every trust lose a system of each supplier to the national incident, and to its own."""
    for trust in of_kind(Kind.TRUST):
        await _trust(to, trust, incident, regional[str(REGION[trust])])
        barred = []
        for each in supplied:
            told = Told(trust, supplier=each.supplier)
            barred.append(await _recovery(to, told, incident, each))
            await _recovery(to, told, await to.made_by(Told(trust), "Incident"), each)
        to.leave(Told(trust), "giveSignOff", signOff=barred[0])  # by whoever tested it


async def _supposed(to: Teller, incident: str, things: dict[str, str]) -> None:
    """Have everybody who may hold something ask what would come of it; the others may be refused."""
    for code in KIND:
        planned = {"changes": [{"placeHold": {"held": things.get(code, incident)}}]}
        if code in things:
            await to.change(Told(code), "whatIf", incident=incident, **planned)
        to.leave(Told(code), "whatIf", incident=incident, **planned)


async def _reinstatement(to: Teller, made: Supplied, incident: str, gates: dict[str, str]) -> dict[str, str]:
    """Bring systems of one supplier back to the end, another of each trust as far as the handover; give these."""
    courses = [Course(to, made, incident, trust) for trust in PAIRS[made.supplier]]
    for course in courses:
        await course.lose()
    await waves(to, made, incident, courses)
    await recovered(to, made, courses, gates)
    await own_defects(to, made)
    for course in courses:
        await defects(course)
    return {course.trust: course.beside for course in courses}


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


async def _product(to: Teller, supplier: str) -> Supplied:
    told = Told(supplier)
    product = await to.change(told, "registerProduct")
    await to.change(told, "registerBuild", product=product)
    build = await to.change(told, "registerBuild", product=product)
    await _promise(to, told, product=product)
    made = Supplied(supplier, product, build)
    await safe(to, made)
    await assured(to, made)
    return made


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
    told = Told(region, supplier="RIVAL")
    opened = await to.change(told, "openIncident", declaration={}, supplierOds="RIVAL")
    await amended(to, told, opened)
    return opened


async def _trust(to: Teller, trust: str, incident: str, regional: str) -> None:
    await _declare(to, Told(trust), incident)
    await to.change(Told(trust), "declareIncident", incident=regional)
    told = Told(trust, supplier="SUPPLIER")
    await amended(to, told, await to.change(told, "openIncident", declaration={}))
    await to.change(Told(trust), "openIncident", declaration={}, supplierOds=None)


async def _recovery(to: Teller, told: Told, incident: str, made: Supplied) -> str:
    """Have a system lost, tested, and submitted to be signed for; give what is to be signed."""
    system = await to.change(told, "registerSystem", product=made.product, incident=incident)
    await to.change(told, "registerInterimSystem", system=system)
    for code in (told.owner, str(REGION[told.owner])):
        await _hold(to, Told(code, trust=told.owner, supplier=told.supplier), system)
    report = await to.change(told, "reportTest", system=system, build=made.build)
    await to.change(told, "correctTestReport", corrects=report)
    its = Told(told.owner, told.owner, told.supplier)
    issue = await to.made_by(Told(made.supplier), "KnownIssue")
    await to.change(its, "sightKnownIssue", knownIssue=issue, system=system)
    sign_off = await to.change(its, "draftSignOff", system=system, build=made.build)
    await to.change(its, "submitSignOff", signOff=sign_off)
    await _promise(to, Told(str(told.supplier), trust=told.owner), product=made.product, system=system)
    return sign_off
