"""What PostgreSQL is told at each start, so that a folder made by an older version follows suit."""

from pathlib import Path

from api.database.door import Door

_ALWAYS = {
    "shared_buffers": "64MB",
    "max_connections": "160",
    "max_wal_size": "256MB",  # bounds what there is to replay after a crash
    "timezone": "UTC",
    "log_timezone": "UTC",
    "unix_socket_permissions": "0700",
    "logging_collector": "on",
    "log_destination": "stderr",
    "log_filename": "postgres-%a.log",  # one file a weekday, overwritten a week later
    "log_file_mode": "0600",
    "log_rotation_age": "1d",
    "log_rotation_size": "0",
    "log_truncate_on_rotation": "on",
    "log_checkpoints": "off",
    # What the server says about itself, and nothing of what people keep in it:
    "log_min_messages": "log",
    "log_min_error_statement": "panic",
    "log_error_verbosity": "terse",
    "log_parameter_max_length": "0",
    "log_parameter_max_length_on_error": "0",
}
_UNSAFE_BUT_QUICK = {"fsync": "off", "synchronous_commit": "off", "full_page_writes": "off"}


def settings(door: Door, log: Path, *, listens: bool, durable: bool) -> list[str]:
    """Spell the settings as arguments of the server."""
    here = {
        "listen_addresses": "127.0.0.1" if listens else "",
        "port": str(door.port),
        "unix_socket_directories": str(door.socket),
        "log_directory": str(log),
    }
    chosen = _ALWAYS | here | ({} if durable else _UNSAFE_BUT_QUICK)
    return [f"--{name}={value}" for name, value in chosen.items()]
