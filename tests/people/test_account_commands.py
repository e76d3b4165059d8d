"""The operator's commands: accounts, sessions, issuers and clients, each with its event; one-time passwords are shown once."""

import json
import re
import subprocess
from pathlib import Path
from typing import Any

import pytest

from api.database import embedded
from tests.conftest import clone
from tests.installed import new_key_file, reinstate_here
from tests.ledger import as_superuser
from tests.people.test_issuer_administration import FIT
from tests.stage import Stage

ONCE = re.compile(r"once(-[a-hjkmnp-z2-9]{5}){4}")
SESSION = """
    insert into session (tenant_ods, id, subject, client_id, roles, scopes, acr, authenticated_at, started_at, last_used_at,
        expires_at)
    values ('R1A', gen_random_uuid(), 'it.lead@R1A', 'reinstate-cli', '{TRUST_IT}', '{}', 'aal2', now(), now(), now(),
        now() + interval '1 hour') returning id
"""


class Operating:
    """The command line on a database."""

    def __init__(self, stage: Stage, folder: Path) -> None:
        self.stage = stage
        self._settings = {"DATABASE_URL": stage.url, "REINSTATE_KEY_FILE": str(new_key_file(folder))}

    def run(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Run a command."""
        return reinstate_here(*arguments, **self._settings)

    def says(self, *arguments: str) -> str:
        """Run a command that succeeds; return what it says."""
        done = self.run(*arguments)
        assert done.returncode == 0, done.stderr
        return done.stdout

    def refuses(self, *arguments: str) -> str:
        """Run a command that is refused in one sentence or two; return them."""
        done = self.run(*arguments)
        assert done.returncode == 2, (done.stdout, done.stderr)
        assert not done.stdout
        assert "Traceback" not in done.stderr
        return done.stderr.removeprefix("reinstate: ")

    def rows(self, statement: str) -> list[Any]:
        """Look into the database."""
        return [tuple(row) for row in as_superuser(self.stage, statement)]


@pytest.fixture(scope="module")
def operating(cluster: embedded.Server, tmp_path_factory: pytest.TempPathFactory) -> Operating:
    """The command line on a database of the module's own, with two accounts."""
    made = Operating(Stage(cluster, clone(cluster)), tmp_path_factory.mktemp("operating"))
    made.says("account", "open", "admin@R1A", "--role", "ADMINISTRATOR")
    made.says("account", "open", "it.lead@R1A", "--role", "TRUST_IT", "--role", "trust_cso")
    return made


def test_an_account_is_opened_with_a_password_that_is_shown_once(operating: Operating) -> None:
    told = operating.says("account", "open", "new@R1A", "--role", "TRUST_SIRO")
    found = ONCE.search(told)
    assert found
    assert told.startswith("Opened new@R1A: TRUST_SIRO.\n")
    assert "72 hours" in told
    for listed in (operating.says("account", "list"), str(operating.rows("select * from one_time_password"))):
        assert "new@R1A" in listed
        assert found[0] not in listed
    assert operating.rows("select count(*) from one_time_password where subject = 'new@R1A'") == [(1,)]
    assert (
        operating.rows("select actor, verb from event where row ->> 'subject' = 'new@R1A'")
        == [("operator", "account open")] * 2
    )


def test_an_account_is_suspended_restored_and_reset(operating: Operating) -> None:
    subject = "it.lead@R1A"
    assert "within 5 seconds" in operating.says("account", "suspend", subject)
    assert f"{subject}\tsuspended\t" in operating.says("account", "list", "--organisation", "R1A")
    assert operating.refuses("account", "suspend", subject).startswith("This account is suspended already.")
    assert operating.says("account", "restore", subject) == f"Restored {subject}.\n"
    assert ONCE.search(operating.says("account", "reset", subject))
    assert operating.rows("select status::text, version from account where subject = 'it.lead@R1A'") == [("ACTIVE", 4)]
    assert operating.refuses("account", "suspend", "admin@R1A").startswith(
        "This is the organisation's only administrator"
    )


def test_keys_are_rotated_for_the_ledger_to_see(operating: Operating) -> None:
    assert operating.refuses("keys", "rotate", "--organisation", "ZZZ99").startswith("No organisation ZZZ99 is listed.")
    first = operating.says("keys", "rotate", "--organisation", "NATIONAL")
    second = operating.says("keys", "rotate", "--organisation", "NATIONAL")
    assert first != second
    seen = "select actor, verb, audience::text, row ->> 'state', object_key = any (array(select kid from signing_key))"
    told = operating.rows(f"{seen} from event where object_type = 'SigningKey' and tenant_ods = 'NATIONAL' order by id")
    assert told == [("operator", "keys rotate", "PUBLISHED", "CURRENT", True)] * 2
    assert "private" not in str(operating.rows("select row from event where object_type = 'SigningKey'"))


def test_an_account_joins_another_organisation_and_leaves_it(operating: Operating) -> None:
    there = ("--organisation", "SUPPLIER")
    operating.says("account", "grant", "it.lead@R1A", "SUPPLIER_LEAD", *there)
    assert "SUPPLIER_LEAD@SUPPLIER" in operating.says("account", "list")
    assert "already" not in operating.refuses("account", "grant", "it.lead@R1A", "TRUST_IT", *there)
    assert operating.refuses("account", "grant", "it.lead@R1A", "SUPPLIER_LEAD", *there).startswith(
        "This account has this role"
    )
    operating.says("account", "end", "it.lead@R1A", "SUPPLIER_LEAD", *there)
    assert operating.refuses("account", "end", "it.lead@R1A", "SUPPLIER_LEAD", *there).startswith("it.lead@R1A is not")
    assert "SUPPLIER_LEAD@SUPPLIER" not in operating.says("account", "list")


@pytest.mark.parametrize(
    ("arguments", "why"),
    [
        (("open", "A.Person", "--role", "TRUST_IT"), "is no account"),
        (("open", "first.last@nhs.net", "--role", "TRUST_IT"), "is no account"),
        (("open", "nobody@ZZZ99", "--role", "TRUST_IT"), "no organisation ZZZ99 is listed"),
        (("open", "it.lead@R1A", "--role", "TRUST_IT"), "There is an account it.lead@R1A."),
        (("open", "other@R1A", "--role", "REGION"), "R1A has no REGION"),
        (("suspend", "nobody@R1A"), "There is no account nobody@R1A."),
        (("grant", "nobody@R1A", "TRUST_IT"), "There is no account nobody@R1A."),
        (("end", "it.lead@R1A", "TRUST_SIRO"), "it.lead@R1A is not TRUST_SIRO of R1A."),
    ],
)
def test_what_cannot_be_is_told_in_a_sentence(operating: Operating, arguments: tuple[str, ...], why: str) -> None:
    assert why in operating.refuses("account", *arguments)


def test_sessions_are_listed_and_ended(operating: Operating) -> None:
    ((session,),) = operating.rows(SESSION)
    listed = operating.says("session", "list", "--organisation", "R1A", "--subject", "it.lead@R1A")
    assert listed.startswith(f"{session}\tit.lead@R1A\tR1A\treinstate-cli\t")
    operating.says("session", "end", str(session), "--reason", "A laptop was lost.")
    assert str(session) not in operating.says("session", "list")
    assert str(session) in operating.says("session", "list", "--all")
    assert operating.refuses("session", "end", str(session), "--reason", "Again.").startswith("This session is over.")
    nobodys = "01912345-6789-7abc-8def-0123456789ab"
    assert operating.refuses("session", "end", nobodys, "--reason", "Nothing.").startswith("There is no session")
    assert operating.rows("select actor, reason from event where verb = 'session end'") == [
        ("operator", "A laptop was lost.")
    ]


def test_an_issuer_is_added_mapped_and_switched_off(operating: Operating, tmp_path: Path) -> None:
    file, iss = tmp_path / "issuer.json", FIT["iss"]
    file.write_text(json.dumps(FIT | {"tenants": ["R1A", "RYG"]}), encoding="utf-8")
    assert operating.says("issuer", "add", "R1A", str(file)) == f"Registered {iss} of R1A; it speaks for R1A, RYG.\n"
    codes = ("R1A", iss, "org", "lead", "TRUST_IT", "--stands-for", "RYG")
    operating.says("issuer", "map", *codes)
    listed = operating.says("issuer", "list").splitlines()
    assert listed == [f"R1A\t{iss}\tactive\taccess login\tR1A RYG", "\torg\tlead\tTRUST_IT@RYG"]
    assert operating.refuses("issuer", "map", *codes[:-1], "RNK").startswith("the issuer speaks for R1A, RYG alone")
    assert "within 5 seconds" in operating.says("issuer", "disable", "R1A", iss)
    assert "\tdisabled\t" in operating.says("issuer", "list")
    assert operating.refuses("issuer", "disable", "R1A", iss).startswith("This issuer is disabled already.")
    operating.says("issuer", "enable", "R1A", iss)
    operating.says("issuer", "unmap", *codes)
    assert operating.refuses("issuer", "unmap", *codes).startswith("There is no such mapping.")
    assert operating.refuses("issuer", "disable", "RNK", iss).startswith(f"RNK has no issuer {iss}.")


@pytest.mark.parametrize(
    ("text", "why"),
    [
        (None, "cannot be read"),
        ("{", "is not JSON"),
        ("[]", "holds no JSON object"),
        ('{"isss": "https://x.example"}', "says isss"),
        ("{}", "ISS: Field required"),
    ],
)
def test_a_file_that_is_no_issuer_is_refused(operating: Operating, tmp_path: Path, text: str | None, why: str) -> None:
    file = tmp_path / "issuer.json"
    if text is not None:
        file.write_text(text, encoding="utf-8")
    assert why in operating.refuses("issuer", "add", "R1A", str(file))


def test_applications_are_registered(operating: Operating, tmp_path: Path) -> None:
    made = ("client", "add", "--organisation", "R1A", "--application", "--scope", "progress:read")
    back = ("--redirect-uri", "https://ward.example/back")
    operating.says(*made, *back, "--public", "--dpop", "--everyone", "--scope", "milestone:publish")
    kept = tmp_path / "application.json"
    operating.says(*made, *back, "--profile", "rfc7523", "--output", str(kept))
    assert json.loads(kept.read_text())["organisation"] == "R1A"
    rows = operating.rows(
        "select kind::text, everyone, dpop_bound, redirect_uris, jwks -> 'keys' = '[]' from api_client order by id"
    )
    assert rows == [
        ("APPLICATION", True, True, ["https://ward.example/back"], True),
        ("APPLICATION", False, False, ["https://ward.example/back"], False),
    ]
    listed = operating.says("client", "list")
    assert "\tapplication\tpublic\tactive\t" in listed
    assert "\tapplication\trfc7523\tactive\t" in listed
    assert "nowhere to send people" in operating.refuses(
        "client", "add", "--organisation", "R1A", "--scope", "progress:read", *back
    )
    assert "neither https" in operating.refuses(*made, "--public", "--redirect-uri", "http://ward.example/")
    assert "may not hold milestone:publish" in operating.refuses(
        *made, *back, "--public", "--scope", "milestone:publish"
    )
