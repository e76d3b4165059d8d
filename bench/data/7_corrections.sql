-- One report in a hundred was wrong, and another took its place.
insert into test_report (
    tenant_ods, id, version, created_at, created_by, outcome, planned, run, passed, failed, blocked, entry_met,
    exit_met, environment, notes, system_id, supplier_ods, build_id, region_ods, test, as_of, reported_at, corrects_id,
    reason
)
select
    tenant_ods, uuidv7(), 1, reported_at + interval '1 day', 'bench', 'PASSED', 40, 40, 40, 0, 0, true, true, environment,
    null, system_id, supplier_ods, build_id, region_ods, test, as_of, reported_at + interval '1 day', id,
    'The figures of another test were sent.'
from (select *, row_number() over (order by id) as n from test_report) wrong
where n % 100 = 0;
