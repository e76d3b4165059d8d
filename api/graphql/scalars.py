"""Scalars as they are spelt on the wire: the same by the database and by the executor."""

import dataclasses
import datetime as dt

from strawberry.schema.types.base_scalars import DateTimeDefinition
from strawberry.types.scalar import ScalarDefinition


def spell_instant(instant: dt.datetime) -> str:
    """Return an instant in ISO 8601, without needless zeros after its seconds, as PostgreSQL spells it."""
    spelt = instant.isoformat()
    if not instant.microsecond:
        return spelt
    seconds, offset = spelt[:26], spelt[26:]
    return seconds.rstrip("0") + offset


_INSTANT = dataclasses.replace(DateTimeDefinition, serialize=spell_instant)
SCALARS: dict[object, ScalarDefinition] = {dt.datetime: _INSTANT}
