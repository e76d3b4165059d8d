"""Accounts: opened, suspended, restored and reset by administrators; nobody else ever has the one-time password."""

import asyncio
import logging
from collections.abc import Iterator

import pytest

from api.database import embedded
from auth.caller import Operator
from auth.people import accounts, memberships
from auth.people.passwords import new_one_time_password
from schema.kept.node import global_id
from schema.people.account import GrantRole, Role
from tests.ledger import as_superuser
from tests.people.administering import Administrator, Ground, administered
from tests.people.signed_in import Person
from tests.people.visiting import Visit, title_of

LEAD = "it.lead@R1A"
TABLES = "select relname from pg_class where relkind = 'r' and relnamespace = 'public'::regnamespace"


def everything(ground: Ground) -> str:
    """Give every row of every table, as text."""
    names = [row["relname"] for row in as_superuser(ground.stage, TABLES)]
    rows = " union all ".join(f"select {name}::text as row from {name}" for name in names)  # noqa: S608 - the catalogue's own names
    return " ".join(row["row"] for row in as_superuser(ground.stage, rows))


@pytest.fixture(scope="module")
def ground(cluster: embedded.Server) -> Iterator[Ground]:
    """A site whose R1A has an administrator."""
    with administered(cluster) as made:
        yield made


@pytest.fixture(scope="module")
def admin(ground: Ground) -> Administrator:
    """That administrator."""
    return ground.admin()


def test_a_new_account_signs_in_by_its_one_time_password(ground: Ground, admin: Administrator) -> None:
    password = new_one_time_password()
    made = admin.made(
        "openAccount",
        "subject status version signedOutAt organisation { odsCode }",
        localPart="it.lead",
        roles=[Role.TRUST_IT, Role.TRUST_CSO, Role.TRUST_IT],
        oneTimePassword=password,
    )
    told = {"subject": LEAD, "status": "ACTIVE", "version": 1, "signedOutAt": None}
    assert made == {"__typename": "Account", **told, "organisation": {"odsCode": "R1A"}}
    held = admin.ask(f'{{ memberships(subject: "{LEAD}") {{ nodes {{ role status version }} }} }}')
    assert [(node["role"], node["status"]) for node in held["memberships"]["nodes"]] == [
        ("TRUST_CSO", "ACTIVE"),
        ("TRUST_IT", "ACTIVE"),
    ]
    assert title_of(Visit(ground.site).sign_in(LEAD, password)) == "Choose a new password - reinstate"
    again = admin.change("openAccount", localPart="it.lead", roles=["TRUST_IT"], oneTimePassword=password)
    assert (again["code"], again["existing"]) == ("ALREADY_REGISTERED", admin.account(LEAD))


def test_the_one_time_password_is_nowhere(
    ground: Ground, admin: Administrator, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    first, second = new_one_time_password(), new_one_time_password()
    given = {"localPart": "secret", "roles": ["TRUST_IT"], "oneTimePassword": first}
    made = [admin.change("openAccount", key="the-same-key", **given) for _ in range(2)]
    assert made[0] == made[1]
    assert made[0]["__typename"] == "Account"
    assert admin.change("openAccount", key="the-same-key", **given | {"oneTimePassword": second})["code"] == (
        "IDEMPOTENCY_MISMATCH"
    )
    reset = admin.change("resetAccount", key="another-key", account=made[0]["id"], oneTimePassword=second)
    assert reset["__typename"] == "Account"
    admin.change("openAccount", **given | {"localPart": "Not fit", "oneTimePassword": second + "\n"})
    rows = everything(ground)
    assert "secret@R1A" in rows
    for password in (first, second):
        assert password.removeprefix("once-") not in rows
        assert password not in caplog.text
        assert password not in str(made) + str(reset)


@pytest.mark.parametrize(
    "given",
    [
        {"localPart": "A.Person"},
        {"localPart": "it.lead@RNK"},
        {"localPart": "x"},
        {"roles": []},
        {"roles": ["SUPPLIER_LEAD"]},
        {"oneTimePassword": "correct horse battery staple"},
        {"oneTimePassword": "once-short"},
        {"oneTimePassword": ""},
    ],
    ids=str,
)
def test_what_is_not_fit_is_refused(admin: Administrator, given: dict[str, object]) -> None:
    fit = {"localPart": "unfit", "roles": ["TRUST_IT"], "oneTimePassword": new_one_time_password()}
    told = admin.change("openAccount", **fit | given)
    assert told["code"] == "VALIDATION_FAILED"
    assert told["path"][:2] == ["input", next(iter(given))]


def test_a_suspended_account_is_signed_out_everywhere_at_once(ground: Ground, admin: Administrator) -> None:
    subject = "suspended@R1A"
    here = Person(ground.site, subject, None, Role.TRUST_IT)
    elsewhere = Person(ground.site, subject, "SUPPLIER", Role.SUPPLIER_LEAD)
    tokens, others = here.tokens(), elsewhere.tokens()
    assert here.get("/account").status_code == 200
    account = admin.account(subject)
    told = admin.made("suspendAccount", "status version signedOutAt", account=account, expectedVersion=1)
    assert (told["status"], told["version"]) == ("SUSPENDED", 2)
    assert told["signedOutAt"]
    assert ground.stops(tokens["access_token"], others["access_token"])
    for person, given in ((here, tokens), (elsewhere, others)):
        assert person.refresh(given["refresh_token"]).json()["error"] == "invalid_grant"
        assert person.get("/account").status_code == 303
    asked = f'{{ sessions(subject: "{subject}") {{ nodes {{ ends {{ nodes {{ reason subject }} }} }} }} }}'
    (session,) = admin.ask(asked)["sessions"]["nodes"]
    assert session["ends"]["nodes"] == [{"reason": "The account was suspended.", "subject": subject}]
    assert admin.refused("suspendAccount", account=account) == "ALREADY_DECIDED"


def test_a_restored_account_signs_in_again_and_what_ended_stays_ended(ground: Ground, admin: Administrator) -> None:
    person = Person(ground.site, "restored@R1A", None, Role.TRUST_IT)
    before = person.tokens()
    account = admin.account(person.subject)
    admin.made("suspendAccount", account=account)
    assert admin.refused("restoreAccount", account=account, expectedVersion=1) == "VERSION_CONFLICT"
    assert admin.made("restoreAccount", "status", account=account)["status"] == "ACTIVE"
    assert admin.refused("restoreAccount", account=account) == "ALREADY_DECIDED"
    assert ground.stops(before["access_token"])
    assert person.refresh(before["refresh_token"]).status_code == 400
    assert person.get("/account").status_code == 303
    assert ground.lets_in(person.token())


def test_a_reset_account_begins_anew(ground: Ground, admin: Administrator) -> None:
    first, second = new_one_time_password(), new_one_time_password()
    account = admin.open("lost.all", Role.TRUST_IT, password=first)
    person = Person(ground.site, "lost.all@R1A")
    before = person.tokens()
    assert admin.refused("resetAccount", account=account, oneTimePassword=second, expectedVersion=9) == (
        "VERSION_CONFLICT"
    )
    told = admin.made("resetAccount", "status version", account=account, oneTimePassword=second, expectedVersion=1)
    assert (told["status"], told["version"]) == ("ACTIVE", 2)
    assert ground.stops(before["access_token"])
    assert person.refresh(before["refresh_token"]).status_code == 400
    assert person.get("/account").status_code == 303
    assert Visit(ground.site).sign_in(person.subject, first).status_code == 400  # the one before is void
    assert title_of(Visit(ground.site).sign_in(person.subject, second)) == "Choose a new password - reinstate"


def test_nobody_resets_or_restores_themselves(ground: Ground, admin: Administrator) -> None:
    mine = admin.account("admin@R1A")
    given = {"account": mine, "oneTimePassword": new_one_time_password()}
    assert admin.refused("resetAccount", **given) == "NOT_YOUR_OWN"
    itself = {"localPart": "admin", "roles": ["TRUST_SIRO"], "oneTimePassword": new_one_time_password()}
    assert admin.refused("openAccount", **itself) == "NOT_YOUR_OWN"
    other = ground.admin("second@R1A")
    other.made("suspendAccount", account=other.account("second@R1A"))  # who fears a thief may
    restored = other.site.runner.run(other.achange("restoreAccount", account=mine))  # its token lives for seconds
    assert restored["code"] in {"ALREADY_DECIDED", "NOT_YOUR_OWN"}


def test_the_last_administrator_stays(cluster: embedded.Server) -> None:
    with administered(cluster) as ground:
        first, second = ground.admin("first@RNK"), ground.admin("second@RNK")
        ids = first.account("first@RNK"), first.account("second@RNK")

        async def at_once() -> list[dict[str, object]]:
            changes = (
                first.achange("suspendAccount", account=ids[1]),
                second.achange("suspendAccount", account=ids[0]),
            )
            return list(await asyncio.gather(*changes))

        told = ground.site.runner.run(at_once())
        assert sorted(str(each["__typename"]) for each in told) == ["Account", "LastAdministrator"]


def test_administrators_reach_no_account_of_others(ground: Ground, admin: Administrator) -> None:
    Person(ground.site, "theirs@RNK", None, Role.TRUST_IT)
    national = ground.admin("admin@NATIONAL")
    theirs = national.account("theirs@RNK")  # oversight reads it, and that is all
    for who in (admin, national):
        for verb in ("suspendAccount", "restoreAccount"):
            assert who.refused(verb, account=theirs) == "NOT_FOUND"
        assert who.refused("resetAccount", account=theirs, oneTimePassword=new_one_time_password()) == "NOT_FOUND"
        assert who.refused("suspendAccount", account=global_id("Account", "01912345-6789-7abc-8def-0123456789ab")) == (
            "NOT_FOUND"
        )


def test_the_operator_reaches_all_and_every_event_names_who_did_it(ground: Ground) -> None:
    person = Person(ground.site, "anywhere@RYG", None, Role.TRUST_IT)
    elsewhere = Person(ground.site, "anywhere@RYG", "SUPPLIER", Role.SUPPLIER_LEAD)
    tokens = person.token(), elsewhere.token()
    operator = Operator("RYG")

    async def suspend() -> None:
        async with ground.site.database.change(operator, "account suspend") as db:
            (account,) = [row for row in await db.all(accounts.listed().statement) if row.subject == "anywhere@RYG"]
            stated = accounts.SuspendAccount(account=account.global_id())
            assert isinstance(await accounts.suspend(db, operator, stated), accounts.Account)
            granted = await memberships.grant(
                db, Operator("Y60"), GrantRole(account=account.global_id(), role=Role.TRUST_IT)
            )
            assert isinstance(granted, memberships.ValidationFailed)

    ground.site.runner.run(suspend())
    assert ground.stops(*tokens)
    told = as_superuser(
        ground.stage, "select actor, verb, owner_ods from event where verb = 'account suspend' order by id"
    )
    assert [tuple(row) for row in told] == [
        ("operator", "account suspend", "RYG"),
        ("operator", "account suspend", "SUPPLIER"),
        ("operator", "account suspend", "RYG"),
    ]
