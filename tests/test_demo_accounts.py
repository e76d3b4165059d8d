"""The accounts of the demonstration: opened once, shown while their passwords work, and signed in by the replay."""

import asyncio
import json
import stat
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import func, update
from sqlmodel import col, select

from api.demo.accounts import Post, open_all, posts_of, read
from api.demo.people import NotSignedInError, People
from api.demo.scenario import read_scenario
from api.demo.screen import sign_in_table
from auth.caller import Operator, SignIn
from auth.people import accounts, passwords
from auth.people.tables import OneTimePassword
from auth.scope import Scope
from schema.people.account import Account, Role, SuspendAccount
from schema.people.session import Session
from schema.problem import Problem
from tests.installed import Site
from tests.ledger import as_superuser
from tests.stage import Stage

POSTS = [Post("Y60", Role.REGION), Post("R1A", Role.TRUST_EXEC)]
REGION, EXEC = (post.subject for post in POSTS)


@pytest.fixture
def site(fresh_stage: Stage) -> Iterator[Site]:
    """A site on a database of its own."""
    with asyncio.Runner() as runner:
        site = Site(fresh_stage.url, runner)
        yield site
        site.close()


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """Where the one-time passwords are kept."""
    return tmp_path / "accounts.json"


def start(site: Site, file: Path) -> dict[str, str | None]:
    """Open what is missing, as a start of the demonstration does; return what it shows."""
    site.runner.run(open_all(site.database, POSTS, file))
    return read(file)


def works(site: Site, subject: str, password: str | None) -> bool:
    """Tell whether a one-time password is the one that an account is signed in by."""

    async def look() -> bool:
        newest = select(OneTimePassword).where(col(OneTimePassword.subject) == subject)
        async with site.database.transaction(SignIn(), "look", read_only=True) as db:
            found = await db.one(newest.order_by(col(OneTimePassword.id).desc()))
        return await passwords.matches(found and found.password_hash, password)

    return site.runner.run(look())


def test_whole_organisations_have_an_account_for_each_role_and_others_for_who_acts() -> None:
    scenario = read_scenario()
    whole = posts_of(scenario.organisations, ())
    assert {post.role for post in whole} == set(Role)
    assert len({post.subject for post in whole}) == len(whole) == 23
    acting = {step.person for step in scenario.steps if step.person}
    posts = posts_of(scenario.organisations, acting)
    assert len({post.subject for post in posts}) == len(posts) == 52
    assert acting <= {post.subject for post in posts}
    assert set(whole) < set(posts)


def test_a_second_start_shows_the_same(site: Site, file: Path) -> None:
    shown = start(site, file)
    assert list(shown) == [REGION, EXEC]
    assert all(works(site, *each) for each in shown.items())
    assert start(site, file) == shown
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert "demonstration" in json.loads(file.read_text())["notice"]
    table = sign_in_table("http://127.0.0.1:8000", shown, file)
    assert f"  {EXEC}  {shown[EXEC]}" in table.splitlines()
    assert "demonstration" in table


def test_the_closing_screen_shows_whole_organisations_and_where_the_others_are(tmp_path: Path) -> None:
    accounts = {"administrator@R1A": "once-a", "trust-exec@R1A": None, "trust-exec@RNK": "once-b"}
    table = sign_in_table("", accounts, tmp_path / "accounts.json").splitlines()[-3:]
    assert table[:2] == ["  administrator@R1A  once-a", "  trust-exec@R1A     its own password"]
    assert table[2] == f"  1 more, who sign or decide elsewhere, stand in {tmp_path}/accounts.json."


def test_what_was_used_is_not_given_again_and_what_expired_is(fresh_stage: Stage, site: Site, file: Path) -> None:
    shown = start(site, file)

    async def pass_by() -> None:
        async with site.database.change(SignIn(), "test") as db:
            used = update(OneTimePassword).where(col(OneTimePassword.subject) == EXEC)
            await db.write(used.values(used_at=func.clock_timestamp()))

    site.runner.run(pass_by())
    assert start(site, file) == {REGION: shown[REGION], EXEC: None}
    assert f"  {EXEC}  its own password" in sign_in_table("", read(file), file).splitlines()
    as_superuser(fresh_stage, "update one_time_password set expires_at = now()")
    later = start(site, file)
    assert later[EXEC] is None
    assert later[REGION] != shown[REGION]
    assert works(site, REGION, later[REGION])


@pytest.mark.parametrize("text", [None, "", "[]", "{}", '{"accounts": 3}'])
def test_a_lost_or_broken_file_is_written_anew(site: Site, file: Path, text: str | None) -> None:
    before = start(site, file)
    file.unlink()
    if text is not None:
        file.write_text(text)
    after = start(site, file)
    assert after.keys() == before.keys()
    assert not set(after.values()) & set(before.values())
    assert all(works(site, *each) for each in after.items())


def test_the_replay_signs_a_person_in_by_what_it_is_and_out_at_the_end(site: Site, file: Path) -> None:
    start(site, file)
    people = People(site.database, site.issuer)
    token, lasts = site.runner.run(people.sign_in(EXEC))
    viewer = site.runner.run(site.post("{ viewer { subject roles scopes } }", token=token)).json()["data"]["viewer"]
    assert (viewer["subject"], viewer["roles"], lasts) == (EXEC, ["TRUST_EXEC"], 300)
    assert Scope.HOLD_RELEASE in viewer["scopes"]
    assert Scope.SYSTEM_REGISTER not in viewer["scopes"]
    site.runner.run(people.sign_out())

    async def sessions() -> list[Session]:
        async with site.database.transaction(SignIn(), "look", read_only=True) as db:
            return await db.all(select(Session))

    (session,) = site.runner.run(sessions())
    assert (session.subject, session.client_id, session.acr) == (EXEC, "reinstate-cli", "aal2")
    assert session.ended_at


def test_whoever_was_suspended_by_hand_does_not_sign_in(site: Site, file: Path) -> None:
    start(site, file)

    async def suspend() -> None:
        async with site.database.change(Operator(tenant_ods="R1A"), "account suspend") as db:
            account = await db.one(select(Account).where(col(Account.subject) == EXEC))
            assert account
            made = await accounts.suspend(db, Operator(tenant_ods="R1A"), SuspendAccount(account=account.global_id()))
            assert not isinstance(made, Problem)

    site.runner.run(suspend())
    with pytest.raises(NotSignedInError, match=f"{EXEC} may not sign in"):
        site.runner.run(People(site.database, site.issuer).sign_in(EXEC))
