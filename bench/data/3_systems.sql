-- What each trust lost. Neighbours in the numbering share a product; three in four test its current build.
with product as (
    select id, current_build_id, row_number() over (order by id) - 1 as place, count(*) over () as total from product
)
insert into system (
    tenant_ods, id, version, created_at, created_by, name, hosting, criticality, rto_hours, rpo_hours, mtpd_hours,
    outage_started_at, last_good_data_at, teams_total, accounts_total, state, supplier_ods, product_id, incident_ods,
    incident_id, current_build_id, region_ods, handed_over_at, state_since
)
select
    o.ods_code, uuidv7(), 1, bench.start(), 'bench', 'System ' || s,
    (case when h % 4 = 0 then 'TRUST' else 'SUPPLIER' end)::hosting,
    (array['CRITICAL', 'HIGH', 'MEDIUM', 'LOW'])[1 + h % 4]::criticality, 24 + h % 48, 4, 96,
    bench.start(), bench.start() - interval '2 hours', 20 + h % 200, 500 + h % 5000,
    (case when h % 12 = 0 then 'OUTAGE' when h % 5 = 0 then 'REBUILDING' else 'IN_TRUST_TEST' end)::systemstate,
    'SUPPLIER', product.id, incident.tenant_ods, incident.id, product.current_build_id, o.region_ods,
    case when h % 12 > 0 and h % 5 > 0 then bench.start() + interval '60 days' end,
    bench.start() + h % 60 * interval '1 day'
from incident,
     (select *, row_number() over (order by ods_code) - 1 as n from organisation where kind = 'TRUST') o,
     generate_series(1, bench.size('systems')) s,
     lateral (select bench.chance(o.n * 1000 + s) as h) luck,
     product
where product.place = (o.n * bench.size('systems') + s - 1) / 10 % product.total
order by o.n, s;
