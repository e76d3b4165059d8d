"""The cast: its organisations listed and its clients registered by the operator's rules, its key files written."""

from collections.abc import Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from joserfc.jwk import RSAKey
from pydantic import ValidationError

from api.demo.scenario import Part
from api.demo.screen import progress
from api.failure import UsageError
from auth import clients
from auth.caller import Operator
from auth.clients import RegisterClient
from auth.key_file import KeyFile, write_key_file
from auth.scope import scopes_of
from auth.tenancy import Database
from schema.people.api_client import ApiClient, AssertionProfile, ClientStatus
from schema.problem import Problem
from trusts import organisations

RSA_BITS = 2048  # the least that is allowed: these keys open a demonstration
Keys = dict[str, KeyFile]


def find_keys(parts: Iterable[Part], folder: Path, token_url: str) -> Keys:
    """Return the key file of each part by its code, made where there is none; written before it is registered."""
    folder.mkdir(mode=0o700, exist_ok=True)
    files = {part: folder / f"{part.client}.json" for part in parts if part.client}
    found = {part.ods_code: key_file for part, file in files.items() if (key_file := _read(file))}
    missing = [part for part in files if part.ods_code not in found]
    with progress("Making key pairs", len(missing)) as tick, ThreadPoolExecutor() as pool:
        for part, key_file in zip(missing, pool.map(lambda part: _make(part, token_url), missing), strict=True):
            _write(files[part], key_file)
            found[part.ods_code] = key_file
            tick()
    for part, file in files.items():  # the port may be another than last time
        if found[part.ods_code].token_url != token_url:
            found[part.ods_code] = found[part.ods_code].model_copy(update={"token_url": token_url})
            _write(file, found[part.ods_code])
    return found


def _read(file: Path) -> KeyFile | None:
    """Return a key file of ours; its key is not looked into, which takes a while."""
    try:
        return KeyFile.model_validate_json(file.read_bytes())
    except (OSError, ValidationError):
        return None


def _write(file: Path, key_file: KeyFile) -> None:
    """Write a key file in one step, over an older one if need be."""
    fresh = file.with_suffix(".new")
    fresh.unlink(missing_ok=True)
    write_key_file(fresh, key_file)
    fresh.replace(file)


def _make(part: Part, token_url: str) -> KeyFile:
    key = RSAKey.generate_key(RSA_BITS, auto_kid=True)
    return KeyFile(
        client_id=part.client or "",
        organisation=part.ods_code,
        token_url=token_url,
        profile=AssertionProfile.NHS,
        scopes=sorted(scopes_of(part.kind)),
        private_key={**key.as_dict(private=True), "kid": key.kid},
    )


async def assemble(database: Database, parts: list[Part], keys: Keys, folder: Path) -> Keys:
    """List and register who is not yet, and return the key files that open a client."""
    async with database.transaction(Operator(tenant_ods=""), "list", read_only=True) as db:
        listed = {row.ods_code for row in await organisations.everyone(db)}
        registered = {row.client_id: row for row in await clients.listed(db)}
    for part in parts:
        if part.ods_code not in listed:
            async with database.change(Operator(tenant_ods=part.ods_code), "organisation add") as db:
                await organisations.put_on_list(db, part.listed)
    fit = {}
    for part in parts:
        if part.client:
            key_file = keys[part.ods_code]
            if not _opens(key_file, part, registered):
                key_file = await _register(database, key_file, part, registered)
                _write(folder / f"{part.client}.json", key_file)
            fit[part.ods_code] = key_file
    return fit


def _opens(key_file: KeyFile, part: Part, registered: Mapping[str, ApiClient]) -> bool:
    client = registered.get(key_file.client_id)
    return (
        client is not None
        and client.status is ClientStatus.ACTIVE
        and key_file.private_key.get("kid") in [key["kid"] for key in client.jwks["keys"]]
        and set(client.scopes) == set(scopes_of(part.kind))
    )


async def _register(database: Database, key_file: KeyFile, part: Part, registered: Mapping[str, ApiClient]) -> KeyFile:
    stated = RegisterClient(
        scopes=scopes_of(part.kind),
        client_id=None if key_file.client_id in registered else key_file.client_id,
        public_jwks={"keys": [{name: key_file.private_key[name] for name in ("kty", "kid", "n", "e")}]},
    )
    async with database.change(Operator(tenant_ods=part.ods_code), "client add") as db:
        made = await clients.register(db, key_file.token_url, stated)
        if isinstance(made, Problem):
            db.refuse()
            raise UsageError(f"{part.ods_code}: {made.message} {made.next_step}")
    return key_file.model_copy(update={"client_id": made.client.client_id, "scopes": made.client.scopes})
