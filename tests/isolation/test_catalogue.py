"""What the database's own catalogue must say, for every table there is or will be."""

import asyncio
from typing import Any

import pytest

from schema.organisation import OrganisationKind
from tests.isolation.sql import as_admin
from tests.stage import Stage

CALLERS = {f"app_{kind.lower()}" for kind in OrganisationKind}
PEOPLE = ("account", "issuer", "issuer_mapping", "membership", "session_end")
ITS_OWN = (  # that nobody but sign-in reads or writes
    "attempt",
    "authorization_code",
    "browser_session",
    "credential",
    "device_code",
    "federated_identity",
    "login_at_issuer",
    "pushed_request",
    "refresh_token",
    "used_proof",
)
EXPIRING = {*ITS_OWN, "revoked_token", "used_assertion"} - {"credential", "federated_identity"}
BESIDES = {
    "app_operator": {
        **{
            (table, "INSERT"): "administers people and issuers, as each organisation's administrators do"
            for table in PEOPLE
        },
        ("account", "UPDATE(signed_out_at,status,version)"): "suspends, restores and resets accounts",
        ("issuer", "UPDATE(status,version)"): "disables issuers",
        ("issuer_mapping", "UPDATE(active,version)"): "ends mappings",
        ("membership", "UPDATE(status,version)"): "ends roles",
        ("one_time_password", "INSERT"): "gives a person a password that works once",
        **{(table, "DELETE"): "forgets what has expired; the policy says when" for table in EXPIRING},
        ("api_client", "INSERT"): "registers clients",
        ("api_client", "UPDATE(status,version)"): "revokes clients",
        ("given_answer", "DELETE"): "forgets answers past their time; the policy says which",
        ("signing_key", "DELETE"): "rotates keys",
        ("signing_key", "INSERT"): "rotates keys",
        ("signing_key", "UPDATE"): "rotates keys",
        ("organisation", "INSERT"): "lists organisations",
        ("organisation", "UPDATE"): "changes what is listed",
    },
    "app_sign_in": {
        **{(table, what): "keeps how people sign in" for table in ITS_OWN for what in ("INSERT", "UPDATE")},
        ("one_time_password", "UPDATE(used_at)"): "uses a password that works once",
        ("session", "INSERT"): "begins a session",
        ("session", "UPDATE"): "renews a session and ends it",
        ("api_client", "UPDATE(last_used_at)"): "notes when a client last asked for a token",
        ("revoked_token", "INSERT"): "revokes a token",
        ("signing_key", "INSERT"): "makes the first keys",
        ("used_assertion", "INSERT"): "notes an assertion, so that it is not used again",
    },
    "app_sweep": {},  # sees whom an event reaches, for the answers kept
}
REACH = ("audience", "id", "owner_ods", "region_ods", "supplier_ods", "tenant_ods", "trust_ods", "xid")
KEYS_BESIDES = {
    ("api_client", ("client_id",)): "a client says who it is before we know for whom; a policy keeps names apart",
    ("authorization_code", ("code_hash",)): "the hash of a secret, kept by sign-in alone",
    ("browser_session", ("id_hash",)): "the hash of a secret, kept by sign-in alone",
    ("device_code", ("device_hash",)): "the hash of a secret, kept by sign-in alone",
    ("device_code", ("user_code",)): "what a person types before we know for whom, kept by sign-in alone",
    ("refresh_token", ("token_hash",)): "the hash of a secret, kept by sign-in alone",
}

UNGUARDED = """
    select relname from pg_class c where relkind in ('r', 'p') and relnamespace = 'public'::regnamespace
    and (not relrowsecurity or not relforcerowsecurity or not exists (select from pg_policy where polrelid = c.oid))
"""
GRANTS = """
    select case grantee when 0 then 'public' else grantee::regrole::text end as role, relname as held, privilege_type as what
    from pg_class, aclexplode(relacl)
    where relnamespace::regnamespace::text in ('public', 'app', 'known') and grantee <> relowner
    union all
    select grantee::regrole::text, relname, privilege_type || '(' || string_agg(attname, ',' order by attname) || ')'
    from pg_class join pg_attribute on attrelid = pg_class.oid, aclexplode(attacl)
    where relnamespace = 'public'::regnamespace and grantee <> relowner group by grantee, relname, privilege_type
"""
KEYS = """
    select relname as held, array(
        select attname::text from unnest(indkey::int[]) with ordinality k (number, place)
        join pg_attribute on attrelid = indrelid and attnum = number order by place) as columns
    from pg_index join pg_class on pg_class.oid = indrelid
    where indisunique and relnamespace = 'public'::regnamespace
    and exists (select from pg_attribute where attrelid = indrelid and attname = 'tenant_ods')
"""
REFERENCES = """
    select conrelid::regclass::text as held, confrelid::regclass::text as referred, array(
        select attname::text from unnest(confkey) number join pg_attribute on attrelid = confrelid and attnum = number
    ) as columns from pg_constraint where contype = 'f' and connamespace = 'public'::regnamespace
    and exists (select from pg_attribute where attrelid = confrelid and attname = 'tenant_ods')
"""
REACHING = """
    select distinct attname::text as name, format_type(atttypid, atttypmod) as type from pg_attribute
    join pg_class on pg_class.oid = attrelid where relnamespace = 'public'::regnamespace and relkind = 'r'
    and attname in ('audience', 'owner_ods', 'region_ods', 'supplier_ods', 'tenant_ods', 'trust_ods')
"""
WRITTEN_BESIDES = {
    ("hold", "release_any"): "the national team releases what any tier placed",
    ("hold", "release_in_region"): "a region releases what its trusts placed",
    ("defect", "answer"): "a supplier answers what is raised on its products",
    ("known_issue", "counted"): "a trust's sighting is counted, by its own transaction",
    ("known_issue_count", "counted"): "a trust's sighting is counted, by its own transaction",
    ("reinstatement_slot", "confirm"): "a supplier confirms the slots of its waves",
    ("security_assurance", "decide"): "the assurer decides what a supplier submitted",
    ("system", "of_its_region"): "a region countersigns for its trusts",
    ("system", "supplied"): "a supplier hands over what it rebuilt",
    ("wave", "approve_any"): "the national team approves the order",
    ("wave", "count_live"): "a trust that goes live is counted, by its own transaction",
    ("wave_member", "approve_any"): "the national team approves who is in a wave",
}

POLICIES = """
    select tablename, policyname, permissive, roles::text[], cmd, coalesce(qual, '') as qual, coalesce(with_check, qual, '') as checked,
        exists (select from information_schema.columns c where c.table_name = tablename and column_name = 'tenant_ods') as owned
    from pg_policies where schemaname = 'public'
"""
UNSAFE = """
    select relname from pg_class where relkind = 'm' or (relkind = 'v' and relnamespace::regnamespace::text in ('public', 'app', 'known')
        and not coalesce(reloptions @> array['security_invoker=true'], false))
    union all select proname from pg_proc where prosecdef and pronamespace::regnamespace::text in ('public', 'app', 'known')
    union all select proname from pg_proc where pronamespace = 'app'::regnamespace
        and (proacl is null or exists (select from aclexplode(proacl) where grantee = 0))
    union all select rolname from pg_roles where (rolsuper or rolbypassrls or rolinherit) and rolname ~ '^(app|reinstate)_'
    union all select nspname from pg_namespace, aclexplode(nspacl) where nspname in ('public', 'app', 'known') and grantee = 0
"""


@pytest.fixture(scope="module")
def catalogue(copies: dict[str, Stage]) -> dict[str, list[dict[str, Any]]]:
    """The answers of the catalogue."""

    async def look() -> dict[str, list[dict[str, Any]]]:
        async with as_admin(copies["breaking"]) as admin:
            return {each: [dict(row) for row in await admin.fetch(each)] for each in ASKED}

    return asyncio.run(look())


ASKED = (UNGUARDED, GRANTS, KEYS, REACHING, REFERENCES, POLICIES, UNSAFE)
Catalogue = dict[str, list[dict[str, Any]]]


def test_every_table_is_guarded(catalogue: Catalogue) -> None:
    assert catalogue[UNGUARDED] == []


def test_nothing_runs_as_its_owner_and_no_role_passes_the_policies(catalogue: Catalogue) -> None:
    assert catalogue[UNSAFE] == []


def test_callers_may_read_insert_and_update_named_columns_alone(catalogue: Catalogue) -> None:
    held = [(grant["role"], grant["held"], grant["what"]) for grant in catalogue[GRANTS]]
    beyond = [
        (role, table, what)
        for role, table, what in held
        if role in CALLERS and what not in ("SELECT", "INSERT") and not what.startswith("UPDATE(")
    ]
    assert beyond == []
    assert {role for role, _, _ in held} <= CALLERS | BESIDES.keys()


@pytest.mark.parametrize("role", BESIDES)
def test_the_other_roles_hold_what_they_need(catalogue: Catalogue, role: str) -> None:
    held = {
        (grant["held"], grant["what"])
        for grant in catalogue[GRANTS]
        if grant["role"] == role and not grant["what"].startswith("SELECT")
    }
    assert held - {("event", "INSERT")} == BESIDES[role].keys()


def test_the_sweep_reads_whom_an_event_reaches_and_nothing_else(catalogue: Catalogue) -> None:
    held = [(grant["held"], grant["what"]) for grant in catalogue[GRANTS] if grant["role"] == "app_sweep"]
    assert held == [("event", f"SELECT({','.join(REACH)})")]


def test_no_caller_may_change_whom_a_row_reaches(catalogue: Catalogue) -> None:
    changed = [
        grant["what"][7:-1] for grant in catalogue[GRANTS] if grant["role"] in CALLERS and "UPDATE(" in grant["what"]
    ]
    assert len(changed) >= 7
    assert {name for names in changed for name in names.split(",")} & set(REACH) == set()


def test_a_column_named_for_reach_says_whom_a_row_reaches(catalogue: Catalogue) -> None:
    kinds = {(column["name"], column["type"]) for column in catalogue[REACHING]}
    assert kinds == {("audience", "audience"), *((name, "character varying(10)") for name in REACH if "_ods" in name)}


def test_keys_of_tenants_tables_hold_the_tenant(catalogue: Catalogue) -> None:
    without = {(key["held"], tuple(key["columns"])) for key in catalogue[KEYS] if "tenant_ods" not in key["columns"]}
    assert len(catalogue[KEYS]) > 20
    assert without == KEYS_BESIDES.keys()


def test_references_to_tenants_tables_hold_the_tenant(catalogue: Catalogue) -> None:
    assert len(catalogue[REFERENCES]) > 10
    assert [each for each in catalogue[REFERENCES] if "tenant_ods" not in each["columns"]] == []


def test_callers_write_as_themselves_alone(catalogue: Catalogue) -> None:
    writing = [
        policy
        for policy in catalogue[POLICIES]
        if policy["cmd"] != "SELECT" and CALLERS & set(policy["roles"]) and policy["permissive"] == "PERMISSIVE"
    ]
    besides = [policy for policy in writing if (policy["tablename"], policy["policyname"]) in WRITTEN_BESIDES]
    updated = {(policy["tablename"], policy["policyname"]) for policy in besides if policy["cmd"] == "UPDATE"}
    assert updated == WRITTEN_BESIDES.keys()
    assert len(writing) > 100
    for policy in (each for each in writing if each not in besides):
        assert policy["checked"] == "((tenant_ods)::text = ( SELECT app.tenant() AS tenant))", policy
        assert policy["cmd"] == "INSERT" or policy["qual"] == policy["checked"], policy


def test_what_everybody_may_is_reading_lists_without_owner(catalogue: Catalogue) -> None:
    open_to_all = [p for p in catalogue[POLICIES] if "public" in p["roles"]]
    assert {policy["tablename"] for policy in open_to_all} == {"organisation", "test_milestone"}
    assert all(policy["cmd"] == "SELECT" and not policy["owned"] for policy in open_to_all)
