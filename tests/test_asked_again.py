"""What is asked again is read once; what cannot be asked again, or is long, is not held on to."""

import json

from api.http.question import LONGEST, addressed, posted


def body(query: str, **more: object) -> bytes:
    """Return a body; each call makes new bytes."""
    return json.dumps({"query": query, **more}).encode()


def test_the_same_bytes_are_read_once() -> None:
    query = "query($id: ID!) { node(id: $id) { id } }"
    first = posted(body(query, variables={"id": "a"}))
    assert first is posted(body(query, variables={"id": "a"}))
    assert first.found is not posted(body(query, variables={"id": "b"})).found
    assert addressed(b"query={viewer{subject}}") is addressed(b"query={viewer{subject}}")


def test_an_address_and_a_body_of_the_same_bytes_are_two_requests() -> None:
    sent = body("{ viewer { subject } }&query={a}")
    assert posted(sent).query != "{a}"
    assert addressed(b"query=" + sent).found is not posted(sent).found


def test_a_change_is_not_held_on_to() -> None:
    query = "mutation M($input: ReportTest!) { reportTest(input: $input) { __typename } }"
    assert posted(body(query)) is not posted(body(query))


def test_a_long_question_is_not_held_on_to() -> None:
    query = "{ viewer { subject } }" + " " * LONGEST
    assert posted(body(query)) is not posted(body(query))
