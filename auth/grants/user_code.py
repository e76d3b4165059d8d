"""The code that a person types from one screen to another (RFC 8628, 6.1): easy to read, hard to guess."""

import re
import secrets

ALPHABET = "BCDFGHJKLMNPQRSTVWXZ"  # no vowels, so no words; 20 ** 8 codes
LENGTH = 8

_CODE = re.compile(rf"[{ALPHABET}]{{{LENGTH}}}")
_BESIDE = re.compile(r"[\s._\u2010-\u2015-]")
_LONGEST = 60  # of what is typed


def new_user_code() -> str:
    """Return a code that nobody can guess in the time that it lives."""
    return "".join(secrets.choice(ALPHABET) for _ in range(LENGTH))


def shown(user_code: str) -> str:
    """Return a code as it is shown: in two groups."""
    return f"{user_code[: LENGTH // 2]}-{user_code[LENGTH // 2 :]}"


def typed(given: str) -> str | None:
    """Return the code that a person typed, whatever its case and whatever stands between; None: it is none."""
    code = _BESIDE.sub("", given[:_LONGEST]).upper()
    return code if _CODE.fullmatch(code) else None
