"""What a story is told to, and the course of one trust's systems through it."""

from dataclasses import dataclass, field
from typing import Any, Protocol

from schema.people.account import Role
from tests.isolation.oracle import REGION, Told

BACK = "https://application.example/back"
LATE = "2932-01-01T00:00:00+00:00"


class Teller(Protocol):
    """What a story is told to."""

    async def change(self, told: Told, verb: str, **given: Any) -> str:
        """Make a change and return the id of what it made."""

    def leave(self, told: Told, verb: str, **given: Any) -> None:
        """Note what a change of somebody's can be made with, once, after the story."""

    async def signed_in(self, told: Told) -> str:
        """Have somebody sign in for an organisation and return the id of the session."""

    async def gate(self, incident: str, code: str) -> str:
        """Return the id of a gate of an incident's catalogue."""

    async def made_by(self, told: Told, noun: str) -> str:
        """Return the id of the latest row of a noun that an organisation made."""


@dataclass(frozen=True)
class Supplied:
    """A supplier, its product and the build that counts."""

    supplier: str
    product: str
    build: str

    @property
    def told(self) -> Told:
        """The supplier's own."""
        return Told(self.supplier)

    @property
    def shown(self) -> Told:
        """The supplier's own, that is submitted or proposed before the story ends."""
        return Told(self.supplier, shown=True)


@dataclass
class Course:
    """A trust's systems on one product: one that comes back to the end, one that is handed over and no further."""

    to: Teller
    made: Supplied
    incident: str
    trust: str
    system: str = ""
    beside: str = ""
    of: dict[str, str] = field(default_factory=dict)

    def told(self, by: str | None = None, role: Role | None = None) -> Told:
        """What is the trust's, made by itself or by another, of its system."""
        return Told(self.trust, trust=self.trust, supplier=self.made.supplier, by=by, role=role)

    def theirs(self, owner: str) -> Told:
        """What is somebody else's, about the trust's system."""
        return Told(owner, trust=self.trust, supplier=self.made.supplier)

    @property
    def region(self) -> str:
        """The trust's region."""
        return str(REGION[self.trust])

    async def trusts(self, verb: str, **given: Any) -> str:
        """Have the trust make a change."""
        return await self.to.change(self.told(), verb, **given)

    async def suppliers(self, verb: str, **given: Any) -> str:
        """Have the supplier change what is the trust's."""
        return await self.to.change(self.told(by=self.made.supplier), verb, **given)

    async def lose(self) -> None:
        """Lose systems, and have them rebuilt, and all but one handed over."""
        self.system, self.beside, last = [await self._rebuilt() for _ in range(3)]
        for system in (self.system, self.beside):
            await self.suppliers("handOver", system=system)
        self.to.leave(self.made.told, "handOver", system=last)

    async def _rebuilt(self) -> str:
        lost = {"product": self.made.product, "incident": self.incident}
        sizes = {"teamsTotal": None, "accountsTotal": None}  # as many as its cohorts will have
        system = await self.trusts("registerSystem", **lost, **sizes, state="OPERATIONAL")
        await self.trusts("reportSystemState", system=system)
        for verb in ("beginRebuild", "offerHandover"):
            await self.suppliers(verb, system=system)
        return system
