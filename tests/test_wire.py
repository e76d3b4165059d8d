"""The wire: what is written together leaves together, and nothing stays behind."""

import asyncio

from api.http.wire import Together


class _Heard(asyncio.Transport):
    """A connection that remembers what it was told."""

    def __init__(self) -> None:
        super().__init__()
        self.told: list[object] = []

    def write(self, data: object) -> None:
        self.told.append(data)

    def writelines(self, list_of_data: object) -> None:
        self.told.append(list_of_data)

    def close(self) -> None:
        self.told.append("closed")

    def is_closing(self) -> bool:
        return "closed" in self.told


def test_a_head_and_its_body_leave_in_one_write() -> None:
    async def story() -> None:
        heard = _Heard()
        wire = Together(heard, asyncio.get_running_loop())
        wire.write(b"head")
        wire.write(b"body")
        assert heard.told == [(b"head", b"body")]
        await asyncio.sleep(0)
        assert heard.told == [(b"head", b"body")]

    asyncio.run(story())


def test_what_nothing_follows_leaves_in_the_same_turn_of_the_loop() -> None:
    async def story() -> None:
        heard = _Heard()
        wire = Together(heard, asyncio.get_running_loop())
        wire.write(b"head")
        assert heard.told == []
        await asyncio.sleep(0)
        assert heard.told == [b"head"]

    asyncio.run(story())


def test_a_connection_is_closed_behind_what_was_written() -> None:
    async def story() -> None:
        heard = _Heard()
        wire = Together(heard, asyncio.get_running_loop())
        wire.write(b"head")
        wire.close()
        assert heard.told == [b"head", "closed"]
        assert wire.is_closing()

    asyncio.run(story())
