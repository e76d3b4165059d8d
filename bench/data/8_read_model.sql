-- Where each system's testing stands, by the migration's own function.
insert into system_progress (
    tenant_ods, system_id, supplier_ods, region_ods, counted_from, reported, met, failing, latest_report_id,
    latest_reported_at
)
select s.tenant_ods, s.id, s.supplier_ods, s.region_ods, f.*
from (select *, row_number() over (order by id) as n from system) s
cross join lateral app.figures(s.tenant_ods, s.id) f
where s.n between bench.size('from') and bench.size('to');
