"""The demonstration on its own database: loaded as far as a day, then served with the scenario's clock."""

import asyncio
import datetime as dt
from dataclasses import dataclass
from pathlib import Path

from api.app import Counted, create_app
from api.demo.accounts import open_all, posts_of
from api.demo.cast import Keys, assemble, find_keys
from api.demo.clock import ScenarioClock
from api.demo.people import People
from api.demo.replay import Replay
from api.demo.scenario import Scenario, noon
from api.demo.screen import progress
from api.demo.tenants import Tenants
from api.demo.told import read_ledger
from api.installation import Place
from auth.tenancy import Database


@dataclass(frozen=True)
class Demonstration:
    """A scenario on a database that is marked as a demonstration."""

    scenario: Scenario
    place: Place
    folder: Path
    clock: ScenarioClock

    @property
    def accounts(self) -> Path:
        """The file of the accounts' one-time passwords."""
        return self.folder.parent / "accounts.json"

    def app(self) -> Counted:
        """Return the API as it is served."""
        database = Database(self.place.url, self.clock)
        return create_app(database, self.place.issuer(), demonstration=True)

    def load(self, day: dt.date) -> list[str]:
        """Replay what is missing up to a day; return the steps that were refused, and why."""
        token_url = self.place.issuer().token_url
        keys = find_keys(self.scenario.organisations, self.folder, token_url)
        refused = asyncio.run(self._replay(keys, day))
        self.clock.reach(noon(day))
        return refused

    async def _replay(self, keys: Keys, day: dt.date) -> list[str]:
        database = Database(self.place.url, self.clock)
        app = create_app(database, self.place.issuer(), demonstration=True)
        try:
            told = await read_ledger(database)
            self.clock.reach(told.newest or self.clock())
            keys = await assemble(database, self.scenario.organisations, keys, self.folder)
            acting = {step.person for step in self.scenario.steps if step.day <= day or step.name in told.taken}
            await open_all(database, posts_of(self.scenario.organisations, acting), self.accounts)
            steps = [step for step in self.scenario.up_to(day) if step.name not in told.taken]
            tenants = Tenants(app, self.place.public_url, keys, People(database, self.place.issuer()))
            with progress(f"Replaying up to {day:%-d %B %Y}", len(steps)) as tick:
                refused = await Replay(tenants, database, self.clock, told).play(steps, tick)
            await tenants.close()
            return refused
        finally:
            await database.close()
