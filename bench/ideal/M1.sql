-- M1 as well as PostgreSQL can, with the idempotency key, the event and its chain: one round trip, one transaction.
\startpipeline
begin;
select app.enter({tenant}, 'TRUST', 'bench', 'reportTest', null, null);
insert into test_report (
    tenant_ods, id, version, created_at, created_by, outcome, planned, run, passed, failed, blocked, entry_met,
    exit_met, environment, system_id, supplier_ods, build_id, test, as_of, reported_at
)
select tenant_ods, uuidv7(), 1, now(), 'bench', 'PASSED', 40, 40, 40, 0, 0, true, true, 'TRUST_TEST', id, supplier_ods,
       {build}, 'SMOKE', now(), now()
from system where id = {system} returning id;
insert into given_answer (tenant_ods, subject, key, request_hash, answer)
values ({tenant}, 'bench', gen_random_uuid()::text, sha256('bench'), '{"data":{"reportTest":{}}}');
commit;
\endpipeline
