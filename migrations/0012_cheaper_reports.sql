-- Reports for less.

-- No question asks for test reports by region or by supplier: they are reached through their system, or by their id.
drop index test_report_region_ods_id_idx, test_report_supplier_ods_id_idx;

-- As in 0005, but for how a corrected report is told from one that stands: by a subquery of each row, which the planner
-- cannot turn into a join. A join it chose to sort, and so it read every report of the system to find the newest; now
-- it follows the index and stops at the first that stands.
create or replace function app.figures(whose text, which uuid) returns table (
    counted_from integer, reported integer, met integer, failing integer,
    latest_report_id uuid, latest_reported_at timestamptz
) language sql stable parallel safe rows 1 as $$
    select counting.since, stages.reported, stages.met, stages.failing, newest.id, newest.reported_at
    from (
        select coalesce(b.results_count_from, 0) as since, array(
            select c.id from build c
            where c.tenant_ods = b.tenant_ods and c.product_id = b.product_id and c.number >= b.results_count_from
        ) as builds
        from system s
        left join product p on p.tenant_ods = s.supplier_ods and p.id = s.product_id
        left join build b on b.tenant_ods = p.tenant_ods and b.id = p.current_build_id
        where s.tenant_ods = whose and s.id = which
    ) counting
    cross join lateral (
        select count(*)::integer as reported,
               (count(*) filter (where stage.mandatory and latest.exit_met))::integer as met,
               (count(*) filter (where latest.outcome = 'FAILED'))::integer as failing
        from test_milestone stage
        cross join lateral (
            select r.outcome, r.exit_met from test_report r
            where r.tenant_ods = whose and r.system_id = which and r.stage = stage.position
            and r.build_id = any (counting.builds)
            and coalesce((select false from test_report c where c.tenant_ods = whose and c.corrects_id = r.id), true)
            order by r.as_of desc, r.reported_at desc, r.id desc
            limit 1
        ) latest
    ) stages
    left join lateral (
        select r.id, r.reported_at from test_report r
        where r.tenant_ods = whose and r.system_id = which
        and coalesce((select false from test_report c where c.tenant_ods = whose and c.corrects_id = r.id), true)
        order by r.as_of desc, r.reported_at desc, r.id desc
        limit 1
    ) newest on true
$$;
