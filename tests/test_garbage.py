"""Garbage of every kind, made up at random: it is refused with a code, and never a 500."""

import json
from collections.abc import Iterator

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from api.database import embedded
from tests.asked import GRAPHQL_JSON, JSON, Http, asking
from tests.installed import body_of


@pytest.fixture(scope="module")
def http(cluster: embedded.Server) -> Iterator[Http]:
    with asking(cluster) as http:
        yield http


texts = st.text(max_size=60)
anything = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | texts,
    lambda inside: st.lists(inside, max_size=4) | st.dictionaries(texts, inside, max_size=4),
    max_leaves=12,
)
words = st.sampled_from(
    ["{", "}", "(", ")", "[", "]", ":", "$v", "!", "...", "on", "Query", "viewer", "kind", "systems", "first", "after",
     "node", "id", "nodes", "ids", '"x"', '"\\u{1F600}"', '"""', "1", "-1", "1e9", "null", "query", "mutation", "fragment",
     "F", "@skip", "@include", "if", "true", "__typename", "__schema", "types", "name", "incident", "reference", "#", "&",
     "progress", "region", "activity", "object", "after", "é", "\ufeff"]
)  # fmt: skip
documents = st.lists(words, max_size=25).map(" ".join) | texts
bodies = (
    st.binary(max_size=200)
    | anything.map(json.dumps)
    | st.fixed_dictionaries(
        {"query": documents | anything},
        optional={"variables": anything, "operationName": anything, "extensions": anything},
    ).map(json.dumps)
)
latin = st.text(st.characters(max_codepoint=255, exclude_characters="\r\n\0"), max_size=40)
headers = st.dictionaries(
    st.sampled_from(
        ["Accept", "Content-Type", "Idempotency-Key", "X-Request-Id", "Cookie", "Content-Encoding", "Traceparent"]
    ),
    latin
    | st.sampled_from(
        [JSON, GRAPHQL_JSON, "application/json; charset=utf-16", "*/*;q=nan", "application/json;q=1e999"]
    ),
    max_size=4,
)
calm = settings(
    max_examples=300, deadline=None, derandomize=True, suppress_health_check=[HealthCheck.function_scoped_fixture]
)


@calm
@given(body=bodies, told=headers)
def test_no_body_and_no_header_is_ever_a_500(http: Http, body: str | bytes, told: dict[str, str]) -> None:
    headers = {name: value.encode("latin-1") for name, value in ({"Content-Type": JSON} | told).items()}
    assert http.send(content=body, headers=headers).status_code in (200, 294, 400, 406, 415)


@calm
@given(query=documents | latin, variables=texts, other=st.binary(max_size=40))
def test_no_address_is_ever_a_500(http: Http, query: str, variables: str, other: bytes) -> None:
    asked = http.send("GET", params={"query": query.encode("utf-8", "surrogatepass"), "variables": variables})
    assert asked.status_code in (200, 294, 400, 405)
    raw = "".join(f"%{byte:02x}" for byte in other)
    assert http.send("GET", f"/graphql?query={raw}&variables={raw}").status_code in (200, 400)
    assert http.send("GET", f"/x{raw}").status_code in (200, 400, 404)


@calm
@given(
    form=st.dictionaries(
        texts | st.sampled_from(["grant_type", "client_assertion", "client_assertion_type"]), texts, max_size=4
    ),
    body=st.binary(max_size=60),
)
def test_no_form_is_ever_a_500(http: Http, form: dict[str, str], body: bytes) -> None:
    good = {
        name.encode("utf-8", "replace").decode(): value.encode("utf-8", "replace").decode()
        for name, value in form.items()
    }
    for path in ("/oauth2/token", "/oauth2/revoke", "/oauth2/introspect"):
        for sent in (
            {"data": good},
            {"content": body, "headers": {"Content-Type": "application/x-www-form-urlencoded"}},
        ):
            answer = http.run(http.site.http.post(path, **sent))
            assert answer.status_code in (400, 401)
            assert body_of(answer)["error"]
