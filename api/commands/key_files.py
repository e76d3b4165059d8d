"""Key files, written so that only their owner can read them."""

import json
import os
from pathlib import Path

from auth.key_file import KeyFile


def write_key_file(target: Path, key_file: KeyFile) -> None:
    """Write a key file, readable by its owner alone."""
    descriptor = os.open(target, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        json.dump(key_file.model_dump(mode="json"), file, indent=1)
        file.write("\n")
