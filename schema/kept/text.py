"""The text people may write: never patient data, never a character the database cannot hold."""

import re
from typing import Annotated

from pydantic import AfterValidator, StringConstraints
from sqlmodel import Field

_TEN_DIGITS = re.compile(r"(?<!\d)\d{3}[ -]?\d{3}[ -]?\d{4}(?!\d)")
_WEIGHTS = range(10, 1, -1)


def _is_nhs_number(candidate: str) -> bool:
    digits = [int(character) for character in candidate if character.isdigit()]
    check = 11 - sum(weight * digit for weight, digit in zip(_WEIGHTS, digits, strict=False)) % 11
    return digits[9] == (0 if check == 11 else check)  # noqa: PLR2004 - modulus 11; a check of 10 fits no digit


def without_patient_data(text: str) -> str:
    """Return the text, or refuse it: no NUL, no valid NHS number.

    An NHS number is ten digits, written together or 3-3-4, whose last is the modulus 11 check digit
    (NHS Data Dictionary, NHS NUMBER).
    """
    if "\x00" in text:
        raise ValueError("contains a NUL character; remove it")
    if any(_is_nhs_number(match.group()) for match in _TEN_DIGITS.finditer(text)):
        raise ValueError("contains an NHS number; remove it: reinstate never holds patient data")
    return text


ODS = re.compile(r"[A-Z0-9]{3,10}")
OdsCode = Annotated[
    str, StringConstraints(pattern=f"^{ODS.pattern}$"), Field(max_length=10, description="ODS code, by pattern only.")
]
Text = Annotated[str, AfterValidator(without_patient_data)]


class Opaque:
    """Marks text whose digits mean nothing: what would be an NHS number in it is chance."""


Sha256 = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{64}$"), Field(max_length=64), Opaque()]
