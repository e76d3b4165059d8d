-- Every date each milestone was given: each a week later than the one before.
insert into milestone_forecast (
    tenant_ods, id, version, created_at, created_by, confidence, note, milestone_id, trust_ods, region_ods, audience,
    number, forecast_on, moved_days, reason_code
)
select
    m.tenant_ods, uuidv7(), 1, m.created_at + f * interval '7 days', 'bench', m.confidence,
    case when f > 0 then 'Moved again: the team that rebuilds it found more to mend than was expected.' end, m.id,
    m.trust_ods, m.region_ods, m.audience, f, m.baseline_on + 7 * f, case when f = 0 then 0 else 7 end,
    (case when f = 0 then 'FIRST_FORECAST' else (array['ASSURANCE', 'DEFECT', 'REBUILD_LONGER', 'RESOURCE'])[f % 4 + 1] end)
        ::reasoncode
from (select *, row_number() over (order by id) as n from milestone) m, generate_series(0, bench.size('forecasts') - 1) f
where m.n between bench.size('from') and bench.size('to')
order by m.n, f;
