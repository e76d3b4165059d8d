"""Preparing, migrating and serving a database."""

import asyncio
from typing import Annotated

import typer

from api import installation, serving
from api.app import create_app
from api.database import installation as databases
from api.failure import UsageError
from api.settings import Settings
from auth.federation.outside import Reach
from auth.tenancy import Database

Host = Annotated[str | None, typer.Option(help="Address to listen on.")]
Port = Annotated[int | None, typer.Option(min=1, max=65535, help="Port to listen on.")]


def serve(host: Host = None, port: Port = None) -> None:
    """Serve the API on DATABASE_URL, or on the embedded PostgreSQL where none is given."""
    settings = Settings()
    address, number = host or settings.reinstate_host, port or settings.reinstate_port
    settings = settings.model_copy(update={"reinstate_host": address, "reinstate_port": number})
    with serving.claim_port(address, number) as claimed, installation.opened(settings, typer.echo) as place:
        database, cache_mb = Database(place.url), settings.reinstate_cache_mb
        issuer, networks = place.issuer(), settings.reinstate_issuer_networks
        reach = Reach.of(issuer, networks)
        app = create_app(database, issuer, demonstration=place.demonstration, cache_mb=cache_mb, reach=reach)
        ready = lambda: typer.echo(f"Serving {settings.public_url}")  # noqa: E731 - a word at the start
        serving.serve(app, claimed, ready, settings.reinstate_proxies)


def prepare() -> None:
    """Make the roles and the database as its administrator (DATABASE_ADMIN_URL), then migrate; safe to repeat."""
    settings = Settings()
    admin_url = settings.database_admin_url
    passwords = {
        "reinstate_app": settings.reinstate_app_password,
        "reinstate_migrate": settings.reinstate_migrate_password,
    }
    known = {role: password.get_secret_value() for role, password in passwords.items() if password}
    if admin_url is None or len(known) < len(passwords):
        raise UsageError(
            "Set DATABASE_ADMIN_URL, REINSTATE_APP_PASSWORD and REINSTATE_MIGRATE_PASSWORD, then run it again."
        )
    asyncio.run(_prepare(admin_url.get_secret_value(), known))
    migrate()


async def _prepare(admin_url: str, passwords: dict[str, str]) -> None:
    admin = await installation.connect(admin_url)
    try:
        await databases.prepare(admin, passwords)
    finally:
        await admin.close()
    typer.echo("The roles and the database are there.")


def migrate() -> None:
    """Apply the missing migrations (DATABASE_MIGRATE_URL); safe to run from several replicas at once."""
    url = Settings().database_migrate_url
    if url is None:
        raise UsageError("Set DATABASE_MIGRATE_URL to the database, as reinstate_migrate.")
    for name in asyncio.run(installation.migrate(url.get_secret_value())):
        typer.echo(f"Applied {name}.")
    typer.echo("The database is at this version.")
