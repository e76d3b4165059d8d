-- Test reports in the order of time, so that those of one system lie scattered as they would. One system in
-- twelve never reported; one in four has trouble; the second half of the reports is on the current build.
insert into test_report (
    tenant_ods, id, version, created_at, created_by, outcome, planned, run, passed, failed, blocked, entry_met,
    exit_met, environment, notes, system_id, supplier_ods, build_id, region_ods, test, as_of, reported_at
)
select
    s.tenant_ods, uuidv7(), 1, at, 'bench', outcome::testoutcome, 40, 40, 40 - wrong, case when outcome = 'FAILED' then wrong else 0 end,
    case when outcome = 'BLOCKED' then wrong else 0 end, true, outcome = 'PASSED', 'TRUST_TEST',
    case when outcome <> 'PASSED' then 'Found while testing; the supplier was told.' end, s.id, s.supplier_ods, build.id,
    s.region_ods, test.kind, at - interval '1 hour', at
from (select *, row_number() over (order by id) as n from system) s
cross join generate_series(bench.size('from'), bench.size('to')) r
cross join lateral (select bench.chance(s.n * 100000 + r) as h, bench.chance(s.n) as troubled) luck
cross join lateral (
    select case
        when h % 100 < case when troubled % 4 = 0 then 12 else 1 end then 'FAILED'
        when h % 100 > 97 then 'BLOCKED' else 'PASSED' end as outcome
) o
cross join lateral (
    select case when outcome = 'PASSED' then 0 else 1 + h % 9 end as wrong,
           bench.start() + (20 + 380.0 * r / bench.size('reports'))::integer * interval '1 day' + (h % 36000) * interval '1 second' as at
) w
join build on build.product_id = s.product_id and build.number = case when r > bench.size('reports') / 2 then 2 else 1 end
join test_milestone test on test.position = 1 + (r + s.n) % 11
where s.n % 12 > 0
order by r, h;
