"""The auditor's commands: a verdict with its exit status, exports, and checkpoints that witnesses keep."""

import base64
import json
import secrets
import stat
from dataclasses import dataclass
from pathlib import Path

import pytest
from joserfc.jwk import ECKey, KeySet
from typer.testing import CliRunner

from api.commands import audit
from api.failure import UsageError
from auth import checkpoint
from auth.checkpoint import BadCheckpointError, Checkpoint
from auth.signing import Ring
from auth.tokens.issuer import Issuer
from tests.ledger import as_superuser, with_database, write
from tests.stage import Stage

HEAD = Checkpoint("R1A", 7, "ab" * 32, "2022-08-04T06:00:00.000000Z")
ISSUER = Issuer("https://reinstate.example", b"k" * 32)


@dataclass
class Desk:
    """An auditor's desk: the commands, on a database with a history of six events."""

    stage: Stage
    folder: Path

    def run(self, *words: object, live: bool = True) -> tuple[int, str]:
        """Run `reinstate audit …`; return its exit status and what it says."""
        url = ["--database-url", self.stage.url] if live else []
        result = CliRunner().invoke(audit.app, [*map(str, words), *url])
        if isinstance(result.exception, UsageError):
            return 2, str(result.exception)
        assert isinstance(result.exception, SystemExit | None), result.exception
        return result.exit_code, result.output

    def kept(self, name: str, *words: object) -> Path:
        """Run a command that writes a file and return it."""
        path = self.folder / name
        assert self.run(*words, "--organisation", "R1A", "--output", path)[0] == 0
        return path


@pytest.fixture
def desk(fresh_stage: Stage, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Desk:
    """A desk of the test's own."""
    key_file = tmp_path / "installation.key"
    key_file.write_text(secrets.token_hex(32))
    monkeypatch.setenv("REINSTATE_KEY_FILE", str(key_file))
    with_database(fresh_stage, lambda database: write(database, "R1A", *(f"I-{n}" for n in range(6))))
    return Desk(fresh_stage, tmp_path)


def test_a_whole_history_is_called_whole(desk: Desk) -> None:
    export = desk.kept("export.jsonl", "export")
    assert stat.S_IMODE(export.stat().st_mode) == 0o600
    witness = desk.kept("checkpoint.jwt", "checkpoint", "--jwks", desk.folder / "jwks.json")
    for words in (["verify"], ["verify", "--checkpoint", witness]):
        assert desk.run(*words)[0] == 0
        status, said = desk.run(*words, export)
        assert (status, said.startswith("Whole. Events: 7; chains: 1;")) == (0, True)
    offline = ["verify", export, "--checkpoint", witness, "--jwks", desk.folder / "jwks.json"]
    assert desk.run(*offline, live=False)[0] == 0


def test_a_changed_export_has_status_1_and_one_sentence(desk: Desk) -> None:
    export = desk.kept("export.jsonl", "export")
    export.write_text(export.read_text().replace("I-3", "I-x"))
    status, said = desk.run("verify", export, live=False)
    assert status == 1
    assert said == "Event 5 of R1A was changed after it was recorded: its hash is not that of what it says.\n"


def test_a_restore_older_than_the_checkpoint_is_data_loss(desk: Desk) -> None:
    witness = desk.kept("checkpoint.jwt", "checkpoint")
    cut = "delete from event where tenant_ods = 'R1A' and sequence > 4"
    as_superuser(desk.stage, "set session_replication_role = replica", cut)
    assert desk.run("verify")[0] == 0
    status, said = desk.run("verify", "--checkpoint", witness)
    assert status == 1
    assert said.startswith("Event 5 of R1A is missing, and all up to its checkpoint at event 7: data loss.")


def test_an_export_without_output_goes_to_standard_output(desk: Desk) -> None:
    status, said = desk.run("export", "--organisation", "R1A")
    assert status == 0
    assert [json.loads(line)["sequence"] for line in said.splitlines()] == [str(n) for n in range(1, 8)]


@pytest.mark.parametrize(
    ("name", "content"), [("missing", None), ("empty", ""), ("letter", "Dear Sir\n"), ("json", '{"a": 1}\n')]
)
def test_what_is_no_export_has_status_2(desk: Desk, name: str, content: str | None) -> None:
    file = desk.folder / name
    if content is not None:
        file.write_text(content)
    status, said = desk.run("verify", file, live=False)
    assert (status, name in said) == (2, True)


def test_a_checkpoint_that_cannot_be_believed_has_status_2(desk: Desk) -> None:
    export = desk.kept("export.jsonl", "export")
    witness = desk.kept("checkpoint.jwt", "checkpoint", "--jwks", desk.folder / "jwks.json")
    empty, strange = desk.folder / "empty", desk.folder / "strange"
    empty.write_text("")
    strange.write_text(json.dumps({"keys": []}))
    for words in (
        ["--checkpoint", desk.folder / "missing", "--jwks", desk.folder / "jwks.json"],
        ["--checkpoint", empty, "--jwks", desk.folder / "jwks.json"],
        ["--checkpoint", export, "--jwks", desk.folder / "jwks.json"],
        ["--checkpoint", witness, "--jwks", strange],
        ["--checkpoint", witness, "--jwks", export],
        ["--checkpoint", witness, "--jwks", desk.folder / "missing"],
    ):
        assert desk.run("verify", export, *words, live=False)[0] == 2


def test_without_a_database_there_is_no_verdict(desk: Desk) -> None:
    nowhere = "postgresql://reinstate_app:x@127.0.0.1:1/reinstate"
    assert desk.run("verify", "--database-url", nowhere, live=False)[0] == 2


@pytest.mark.parametrize("command", ["export", "checkpoint"])
def test_an_organisation_without_events_has_status_2_and_no_file(desk: Desk, command: str) -> None:
    output = desk.folder / "output"
    status, said = desk.run(command, "--organisation", "NOBODY", "--output", output)
    assert (status, "NOBODY" in said, output.exists()) == (2, True, False)


@pytest.fixture(scope="module")
def ring() -> Ring:
    """Signing keys."""
    key = ECKey.generate_key("P-256", auto_kid=True)
    return Ring(KeySet([key]), {str(key.kid): {"kid": key.kid, **key.as_dict(private=False)}})


def test_a_checkpoint_reads_as_it_was_signed(ring: Ring) -> None:
    text = checkpoint.sign(HEAD, ISSUER, ring, 1)
    header = json.loads(base64.urlsafe_b64decode(text.split(".")[0] + "=="))
    assert header == {"alg": "ES256", "typ": "checkpoint+jwt", "kid": next(iter(ring.public))}
    keys = checkpoint.read_keys({"keys": [*ring.public.values(), {"kty": "RSA", "kid": "other"}]})
    assert checkpoint.read(text, keys) == HEAD


def test_no_character_of_a_checkpoint_can_be_changed(ring: Ring) -> None:
    text = checkpoint.sign(HEAD, ISSUER, ring, 1)
    alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
    for at, character in enumerate(text[:-1]):  # the last one's spare bits mean nothing
        other = "." if character == "." else alphabet[(alphabet.index(character) + 1) % 64]
        changed = text[:at] + ("A" if other == "." else other) + text[at + 1 :]
        with pytest.raises(BadCheckpointError):
            checkpoint.read(changed, ring.verifying)


def test_an_access_token_is_no_checkpoint_and_another_key_is_none_of_ours(ring: Ring) -> None:
    other = ECKey.generate_key("P-256", parameters={"kid": next(iter(ring.public))})
    text = checkpoint.sign(HEAD, ISSUER, Ring(KeySet([other]), {}), 1)
    with pytest.raises(BadCheckpointError, match="signature"):
        checkpoint.read(text, ring.verifying)
    with pytest.raises(BadCheckpointError, match="not among those given"):
        checkpoint.read(text, {})
