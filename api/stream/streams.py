"""Streams: who listens to what, in groups, with one tail for all of them."""

import asyncio
from collections.abc import Hashable, Iterator
from collections.abc import Set as AbstractSet
from contextlib import contextmanager

from api.graphql.compiled.stream import Place
from api.stream.following import Following
from api.stream.group import Group, Listener
from api.stream.tail import Tail
from auth.tenancy import Database

AT_ONCE = 4  # statements that tell, a role: half its connections are left to those who ask
MOST_QUESTIONS = 250  # that are followed for one organisation; how many listen to each does not matter


class CrowdedError(Exception):
    """An organisation follows as many different questions as one process asks for it."""


class Streams:
    """The subscriptions of one process."""

    def __init__(self, database: Database) -> None:
        self._tail = Tail(database, self._heard)
        self._groups: dict[Hashable, Group] = {}
        self._turns: dict[str, asyncio.Semaphore] = {}
        self._listening = 0

    def look(self) -> None:
        """Look for news now: something has been changed, here or by another replica."""
        self._tail.look()

    async def tell(self, following: Following, listener: Listener) -> None:
        """Tell a listener of each event until cancelled: since where its subscription says, or from now on."""
        self._listening += 1
        try:
            await self._tail.begin()
            with self._group(following) as group:
                await group.tell(listener, following.start or self._tail.place)
        finally:
            self._listening -= 1
            if not self._listening:
                self._tail.end()

    @contextmanager
    def _group(self, following: Following) -> Iterator[Group]:
        group = self._groups.get(following.key)
        if group is None:
            self._refuse_crowd(following.caller.tenant_ods)
            turn = self._turns.setdefault(following.caller.role, asyncio.Semaphore(AT_ONCE))
            group = self._groups[following.key] = Group(following, self._tail.place, turn)
        group.members += 1
        try:
            yield group
        finally:
            group.members -= 1
            if not group.members:
                group.end()
                del self._groups[following.key]

    def _refuse_crowd(self, tenant_ods: str) -> None:
        if sum(group.tenant_ods == tenant_ods for group in self._groups.values()) >= MOST_QUESTIONS:
            raise CrowdedError

    def _heard(self, until: Place, moved: AbstractSet[str]) -> None:
        for group in self._groups.values():
            group.heard(until, moved)
