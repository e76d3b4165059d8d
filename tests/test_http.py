"""GraphQL over HTTP to the letter: media types, statuses, refusals."""

import json
from collections.abc import Iterator
from typing import Any

import pytest

from api.database import embedded
from tests.asked import GRAPHQL_JSON, JSON, VIEWER, Http, asking, sound
from tests.installed import body_of, code_of
from tests.stage import mutation_document

PARTIAL = '{ none: incident(reference: "X") { id } systems(after: "nonsense") { totalCount } }'


@pytest.fixture(scope="module")
def http(cluster: embedded.Server) -> Iterator[Http]:
    with asking(cluster) as http:
        yield http


@pytest.mark.parametrize(
    ("accept", "answered"),
    [
        ("*/*", GRAPHQL_JSON),
        (GRAPHQL_JSON, GRAPHQL_JSON),
        (JSON, JSON),
        ("application/*", GRAPHQL_JSON),
        (f"{GRAPHQL_JSON}, {JSON}", GRAPHQL_JSON),
        (f"{GRAPHQL_JSON};q=0.5, {JSON}", JSON),
        (f"{JSON};q=0.9, {GRAPHQL_JSON}", GRAPHQL_JSON),
        ("Application/JSON; charset=UTF-8", JSON),
        ("text/html, */*;q=0.1", GRAPHQL_JSON),
        ("multipart/mixed, text/event-stream;q=0.5, application/json;q=0.9", JSON),
        (f"{GRAPHQL_JSON}, application/graphql+json, {JSON}, text/event-stream, multipart/mixed", GRAPHQL_JSON),
    ],
)
def test_the_media_type_is_the_one_preferred(http: Http, accept: str, answered: str) -> None:
    answer = http.post(VIEWER, accept)
    assert (answer.status_code, answer.headers["content-type"]) == (200, f"{answered}; charset=utf-8")
    assert answer.json() == {"data": {"viewer": {"organisation": {"odsCode": "R1A"}}}}


def test_without_accept_the_new_media_type_is_answered(http: Http) -> None:
    del http.site.http.headers["accept"]
    answer = http.send(json={"query": VIEWER})
    assert answer.headers["content-type"] == f"{GRAPHQL_JSON}; charset=utf-8"


@pytest.mark.parametrize("accept", ["text/html", "application/json;q=0", "image/*", "", ";", "application/xml, text/*"])
def test_what_cannot_be_accepted_is_406(http: Http, accept: str) -> None:
    answer = http.post(VIEWER, accept)
    assert (answer.status_code, code_of(answer)) == (406, "NOT_ACCEPTABLE")


@pytest.mark.parametrize(
    "kind",
    ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x", "application/graphql", ""],
)
def test_a_body_that_is_not_said_to_be_json_is_415(http: Http, kind: str) -> None:
    answer = http.send(content=json.dumps({"query": VIEWER}), headers={"Content-Type": kind})
    assert (answer.status_code, code_of(answer)) == (415, "UNSUPPORTED_MEDIA_TYPE")


@pytest.mark.parametrize("accept", [GRAPHQL_JSON, JSON])
@pytest.mark.parametrize(
    ("document", "variables"),
    [
        ("{", {}),
        ("{ viewer }", {}),
        ("{ nothing }", {}),
        ("query($id: ID!) { node(id: $id) { id } }", {}),
        ("query($first: Int) { systems(first: $first) { totalCount } }", {"first": "ten"}),
        ("query($first: Int) { systems(first: $first) { totalCount } }", {"first": 10**30}),
        ("query($first: Int) { systems(first: $first) { totalCount } }", {"first": 2**31}),
        ("query($first: Int) { systems(first: $first) { totalCount } }", {"first": 1.5}),
        ("{ systems(first: 99999999999999999999) { totalCount } }", {}),
        (f"{{ systems(first: {'9' * 5000}) {{ totalCount }} }}", {}),
        ("{ systems(state: LOST) { totalCount } }", {}),
        ("fragment F on Query { viewer { kind } }", {}),
        ("query A { viewer { kind } } query B { viewer { kind } }", {}),
        ("subscription { activity }", {}),
        ('{ incident(reference: "\ud800") { id } }', {}),
        ('{ incident(reference: "\\u{d800}") { id } }', {}),
    ],
)
def test_what_is_refused_before_it_runs_is_400_without_data(
    http: Http, document: str, variables: dict[str, Any], accept: str
) -> None:
    answer = http.send(
        content=json.dumps({"query": document, "variables": variables}),
        headers={"Accept": accept, "Content-Type": JSON},
    )
    assert answer.status_code == 400
    assert body_of(answer).keys() == {"errors"}
    assert len(answer.content) < 2_000


def test_a_partial_result_is_294_under_the_new_media_type_and_200_under_the_old(http: Http) -> None:
    for accept, status in ((GRAPHQL_JSON, 294), (JSON, 200)):
        answer = http.post(PARTIAL, accept)
        assert answer.status_code == status
        assert "data" in body_of(answer)
        assert code_of(answer) == "BAD_CURSOR"


def test_questions_may_be_asked_by_get(http: Http) -> None:
    answer = http.send("GET", params={"query": "query($id: ID!) { node(id: $id) { id } }", "variables": '{"id": "eA"}'})
    assert (answer.status_code, answer.json()) == (200, {"data": {"node": None}})


@pytest.mark.parametrize("document", ["mutation { __typename }", mutation_document("openIncident", "id")])
def test_a_change_by_get_is_refused(http: Http, document: str) -> None:
    answer = http.send("GET", params={"query": document})
    assert (answer.status_code, code_of(answer), answer.headers["allow"]) == (405, "METHOD_NOT_ALLOWED", "POST")


@pytest.mark.parametrize(
    ("authorization", "challenge"),
    [
        (None, 'Bearer realm="reinstate"'),
        ("Basic dTpw", 'Bearer realm="reinstate"'),
        ("Bearer", 'Bearer realm="reinstate"'),
        ("Bearer x", 'Bearer realm="reinstate", error="invalid_token"'),
        ("Bearer a.b.c", 'Bearer realm="reinstate", error="invalid_token"'),
        ("bearer \xe9", 'Bearer realm="reinstate", error="invalid_token"'),
    ],
)
def test_without_a_good_token_it_is_401_with_a_challenge(http: Http, authorization: str | None, challenge: str) -> None:
    for method in ("POST", "GET"):
        headers = {} if authorization is None else {"Authorization": authorization.encode("latin-1")}
        request = http.site.http.request(method, "/graphql", headers=headers, json={"query": VIEWER})
        answer = http.run(request)
        assert sound(answer)
        assert (answer.status_code, code_of(answer)) == (401, "UNAUTHENTICATED")
        assert answer.headers["www-authenticate"].startswith(challenge)


@pytest.mark.parametrize(
    ("method", "path", "status", "code"),
    [
        ("GET", "/nowhere", 404, "NOT_FOUND"),
        ("POST", "/graphql/", 200, None),
        ("POST", "/graphql/x", 404, "NOT_FOUND"),
        ("PUT", "/graphql", 405, "METHOD_NOT_ALLOWED"),
        ("DELETE", "/graphql", 405, "METHOD_NOT_ALLOWED"),
        ("PATCH", "/graphql", 405, "METHOD_NOT_ALLOWED"),
        ("GET", "/oauth2/token", 405, "METHOD_NOT_ALLOWED"),
        ("POST", "/readyz", 405, "METHOD_NOT_ALLOWED"),
    ],
)
def test_what_the_router_refuses_is_json_with_a_code(
    http: Http, method: str, path: str, status: int, code: str | None
) -> None:
    answer = http.send(method, path, json={"query": VIEWER})
    assert answer.status_code == status
    assert code is None or code_of(answer) == code
    assert status != 405 or answer.headers["allow"]


def test_a_body_has_a_hundred_thousand_bytes_at_most(http: Http) -> None:
    def padded(size: int) -> str:
        bare = json.dumps({"query": VIEWER, "pad": ""})
        return json.dumps({"query": VIEWER, "pad": "x" * (size - len(bare))})

    for body in (padded(100_001), padded(10_000_000)):
        answer = http.send(content=body, headers={"Content-Type": JSON})
        assert (answer.status_code, code_of(answer)) == (413, "TOO_LARGE")
    assert http.send(content=padded(100_000), headers={"Content-Type": JSON}).status_code == 200


@pytest.mark.parametrize(
    ("body", "code"),
    [
        ("", "BAD_JSON"),
        ("{", "BAD_JSON"),
        ("query", "BAD_JSON"),
        ('{"query": NaN}', "BAD_JSON"),
        ('{"query": "{viewer{kind}}", "variables": {"a": Infinity}}', "BAD_JSON"),
        (b"\xff\xfe{}", "BAD_JSON"),
        (b"\x80\x81", "BAD_JSON"),
        ("[" * 50_000, "BAD_JSON"),
        ('{"a":' * 10_000 + "1" + "}" * 10_000, "BAD_JSON"),
        (f'{{"query": "{{viewer{{kind}}}}", "variables": {{"a": {"9" * 5000}}}}}', "BAD_JSON"),
        ("[]", "BAD_REQUEST"),
        ('[{"query": "{viewer{kind}}"}]', "BAD_REQUEST"),
        ("null", "BAD_REQUEST"),
        ('"{viewer{kind}}"', "BAD_REQUEST"),
        ("{}", "BAD_REQUEST"),
        ('{"query": ""}', "BAD_REQUEST"),
        ('{"query": 1}', "BAD_REQUEST"),
        ('{"query": ["{viewer{kind}}"]}', "BAD_REQUEST"),
        ('{"query": "{viewer{kind}}", "variables": []}', "BAD_REQUEST"),
        ('{"query": "{viewer{kind}}", "variables": "{}"}', "BAD_REQUEST"),
        ('{"query": "{viewer{kind}}", "operationName": 1}', "BAD_REQUEST"),
        ('{"query": "{viewer{kind}}", "operationName": "Other"}', "BAD_REQUEST"),
        ('{"query": "{viewer{kind}}", "extensions": 1}', "BAD_REQUEST"),
        ('{"query": "{viewer{kind}}", "variables": {"a": "\\u0000"}}', "BAD_TEXT"),
        ('{"query": "{viewer{kind}}", "variables": {"\\u0000": 1}}', "BAD_TEXT"),
        ('{"query": "{viewer{kind}}", "variables": {"a": ["\\ud800"]}}', "BAD_TEXT"),
        ('{"query": "{viewer{kind}} #\\udfff"}', "BAD_TEXT"),
        ('{"query": "{ incident(reference: \\"\\\\u0000\\") { id } }"}', "BAD_TEXT"),
        ('{"query": "{ incident(reference: \\"\\\\u{000}\\") { id } }"}', "BAD_TEXT"),
    ],
)
def test_a_body_that_makes_no_sense_is_400_with_a_code(http: Http, body: str | bytes, code: str) -> None:
    answer = http.send(content=body, headers={"Content-Type": JSON})
    assert (answer.status_code, code_of(answer)) == (400, code)
    assert body_of(answer).keys() == {"errors"}


@pytest.mark.parametrize("key", ["short", "x" * 121, "with a space", "täglich-neu", "tab\there-it-is"])
def test_an_idempotency_key_is_visible_ascii(http: Http, key: str) -> None:
    answer = http.send(json={"query": VIEWER}, headers={"Idempotency-Key": key.encode()})
    assert (answer.status_code, code_of(answer)) == (400, "BAD_IDEMPOTENCY_KEY")


def test_a_key_that_is_a_variables_default_is_a_key(http: Http) -> None:
    given = 'reference: "DEFAULT-1", title: "By default", detectedAt: "2022-08-04T06:00:00Z", idempotencyKey: $key'
    document = (
        'mutation($key: String = "by-default-1") '
        f"{{ openIncident(input: {{ {given} }}) {{ __typename ... on Incident {{ id }} }} }}"
    )
    first = http.post(document)
    assert body_of(first)["data"]["openIncident"]["__typename"] == "Incident"
    assert http.post(document).content == first.content


@pytest.mark.parametrize("page", ["/", "/schema.graphql", "/sign-in", "/metrics"])
def test_a_page_names_its_charset_once(http: Http, page: str) -> None:
    answer = http.site.runner.run(http.site.http.get(page))
    assert answer.status_code == 200
    assert answer.headers["content-type"].lower().count("charset=utf-8") == 1
