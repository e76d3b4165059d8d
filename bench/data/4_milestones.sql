-- What the supplier promised for each system, and two promises a product for every trust.
insert into milestone (
    tenant_ods, id, version, created_at, created_by, kind, title, baseline_on, product_id, trust_ods, system_id,
    region_ods, audience, status, forecast_on, confidence, times_revised, times_slipped, actual_at
)
select
    'SUPPLIER', uuidv7(), bench.size('forecasts'), made_at, 'bench',
    (array['BUILD_READY', 'SAFETY_CASE', 'SECURITY_ASSURANCE', 'HANDOVER', 'GO_LIVE', 'RECOVERED', 'OTHER'])[1 + m % 7]
        ::milestonekind,
    'Step ' || m || ' of the recovery of this system', made_at::date + 30, s.product_id, s.tenant_ods, s.id,
    s.region_ods, 'PRIVATE', (case when h % 10 < 6 then 'MET' else 'PLANNED' end)::milestonestatus,
    made_at::date + 30 + 7 * (bench.size('forecasts') - 1),
    (array['LOW', 'MEDIUM', 'HIGH'])[1 + h % 3]::confidence, bench.size('forecasts') - 1, bench.size('forecasts') - 1,
    case when h % 10 < 6 then made_at + (30 + h % 60) * interval '1 day' end
from (select *, row_number() over (order by id) as n from system) s, generate_series(1, bench.size('milestones')) m,
     lateral (select bench.chance(s.n * 1000 + m) as h, bench.start() + m * interval '7 days' as made_at) luck
where s.n between bench.size('from') and bench.size('to')
order by s.n, m;
