"""What every input has: an idempotency key, and text that is never patient data."""

from typing import Annotated, Any, get_args

import strawberry
from pydantic import BaseModel, ConfigDict, Field, ValidationInfo, field_validator
from pydantic.fields import FieldInfo

from schema.kept.text import Opaque, without_patient_data


def _is_opaque(field: FieldInfo) -> bool:
    """Return whether digits in it mean nothing: it is an id, or says so."""
    is_id = strawberry.ID in (field.annotation, *get_args(field.annotation))
    return is_id or any(isinstance(said, Opaque) for said in field.metadata)


class Change(BaseModel):
    """What every input of a mutation has."""

    model_config = ConfigDict(str_strip_whitespace=True)

    idempotency_key: Annotated[str | None, Field(min_length=8, max_length=120), Opaque()] = Field(
        default=None,
        description="Same key and same body give the first answer again, for at least 7 days. "
        "The Idempotency-Key header says the same.",
    )

    @field_validator("*")
    @classmethod
    def _text_is_clean(cls, value: Any, info: ValidationInfo) -> Any:
        if not isinstance(value, str):
            return value
        opaque = _is_opaque(cls.model_fields[info.field_name or ""])
        return value if opaque else without_patient_data(value)


class Revision(Change):
    """What every input that edits an existing thing has besides."""

    expected_version: int | None = Field(
        default=None, ge=1, description="The version the person saw; another one is refused. None: any."
    )
