"""A form that was posted to the token endpoints, and the answer that goes back."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qsl

LARGEST_FORM = 20_000
MOST_FIELDS = 20
FORM_TYPE = "application/x-www-form-urlencoded"
NO_STORE = {"Cache-Control": "no-store", "Pragma": "no-cache"}


@dataclass(frozen=True)
class FormPost:
    """A request as it came, with the id that its errors name."""

    method: str
    content_type: str
    query: bytes
    body: bytes = field(repr=False)
    request_id: str
    dpop: str | None = field(default=None, repr=False)  # its proof (RFC 9449); several are none


@dataclass(frozen=True)
class Answer:
    """What goes back, as JSON."""

    status: int
    headers: Mapping[str, str]
    body: dict[str, Any] = field(repr=False)


class Refused(Exception):  # noqa: N818 - it names what is so
    """A request that is refused, with the words for its sender."""

    def __init__(self, description: str, status: int = 400, error: str = "invalid_request") -> None:
        super().__init__(description)
        self.description = description
        self.status = status
        self.error = error

    def answer(self, request_id: str) -> Answer:
        """Return the refusal as RFC 6749 and the NHS platform shape it."""
        body = {"error": self.error, "error_description": self.description, "message_id": request_id}
        return Answer(self.status, NO_STORE, body)


def read_form(post: FormPost) -> dict[str, str]:
    """Return the fields of a form; an empty one counts as absent (RFC 6749, 3.2)."""
    _check_envelope(post)
    try:
        pairs = parse_qsl(
            post.body.decode("ascii"),
            keep_blank_values=True,
            strict_parsing=bool(post.body),
            errors="strict",
            max_num_fields=MOST_FIELDS,
        )
    except ValueError as error:
        raise Refused("The body is not a form in UTF-8") from error
    if any("\x00" in name + value for name, value in pairs):
        raise Refused("The body contains a NUL character")
    fields = dict(pairs)
    if len(fields) != len(pairs):
        raise Refused("A parameter is given more than once")
    return {name: value for name, value in fields.items() if value}


def _check_envelope(post: FormPost) -> None:
    if post.method != "POST":
        raise Refused("Use POST", 405)
    if len(post.body) > LARGEST_FORM:
        raise Refused("The body is too large", 413)
    if post.query:
        raise Refused("Parameters belong in the body, never in the address")
    kind, _, parameters = post.content_type.lower().partition(";")
    charset = parameters.strip().removeprefix("charset=").strip('"')
    if kind.strip() != FORM_TYPE or charset not in {"", "utf-8"}:
        raise Refused(f"The body must be {FORM_TYPE} in UTF-8")
