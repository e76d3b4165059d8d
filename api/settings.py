"""Settings, read from the environment here and nowhere else."""

from pathlib import Path
from typing import Annotated

from pydantic import Field, IPvAnyNetwork, SecretStr, field_validator
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

from api.cache.answers import CACHE_MB


class Settings(BaseSettings):
    """How this process is to run. Every setting has a default but those of a database of one's own."""

    model_config = SettingsConfigDict(env_file=None, extra="ignore")

    database_url: SecretStr | None = Field(
        default=None, description="PostgreSQL 16 or later, as reinstate_app. None: the embedded PostgreSQL."
    )
    database_migrate_url: SecretStr | None = Field(default=None, description="The same, as reinstate_migrate.")
    database_admin_url: SecretStr | None = Field(default=None, description="The same, as its administrator.")
    reinstate_app_password: SecretStr | None = Field(default=None, description="Given to reinstate_app.")
    reinstate_migrate_password: SecretStr | None = Field(default=None, description="Given to reinstate_migrate.")
    reinstate_data: Path = Field(default=Path("reinstate-data"), description="Folder of the embedded PostgreSQL.")
    reinstate_key_file: Path | None = Field(
        default=None,
        description="32 random bytes in hexadecimal that guard the signing keys; the same for all replicas.",
    )
    reinstate_host: str = Field(default="127.0.0.1", description="Address to listen on.")
    reinstate_port: int = Field(default=8000, ge=1, le=65535, description="Port to listen on.")
    reinstate_proxies: str = Field(
        default="",
        description="Proxies whose X-Forwarded-For says who asks, e.g. 10.1.2.3, with commas between. None: nobody's.",
    )
    reinstate_cache_mb: int = Field(
        default=CACHE_MB, ge=0, le=65_536, description="Megabytes of answers kept in memory; 0: none."
    )
    reinstate_issuer_networks: Annotated[tuple[IPvAnyNetwork, ...], NoDecode] = Field(
        default=(),
        description="Private networks that identity providers may be in, e.g. 10.20.0.0/16, with commas between.",
    )
    xdg_config_home: Path | None = Field(default=None, description="Where `reinstate login` keeps its session.")
    reinstate_url: str | None = Field(default=None, description="Public address, https; None: http://127.0.0.1:port.")

    @field_validator("reinstate_issuer_networks", mode="before")
    @classmethod
    def _divided(cls, given: object) -> object:
        return [each.strip() for each in given.split(",") if each.strip()] if isinstance(given, str) else given

    @property
    def public_url(self) -> str:
        """The address that clients know."""
        return (self.reinstate_url or f"http://127.0.0.1:{self.reinstate_port}").rstrip("/")
