-- The answer to 'where does everybody stand?': one line a system, the same text over the tables and over `known`.
-- Whoever selects little pays little: tables are joined by unique keys, so that the planner drops the unused ones,
-- and what costs more is a subquery of its own.

create type testingstanding as enum ('NOT_REPORTED', 'OPEN_FAILURES', 'IN_PROGRESS', 'ALL_MET');

create index milestone_open_for_all on milestone (tenant_ods, product_id, forecast_on, id)
    where system_id is null and status in ('PLANNED', 'IN_PROGRESS');
create index milestone_open_for_one on milestone (trust_ods, system_id, forecast_on, id)
    where status in ('PLANNED', 'IN_PROGRESS');

do $$
declare
    before text := current_setting('search_path');
    place text;
begin
    foreach place in array array['public', 'known, public'] loop
        perform set_config('search_path', place, true);
        execute $view$
            create view progress with (security_invoker = true) as
            select
                s.tenant_ods, s.id as system_id, s.product_id, s.incident_ods, s.incident_id, s.supplier_ods, s.region_ods,
                o.name as organisation_name, s.name as system_name,
                (select app.as_of()) as as_of,
                s.state, p.current_build_id,
                case
                    when sp.reported is null or sp.reported = 0 or sp.counted_from <> b.results_count_from
                        then 'NOT_REPORTED'::testingstanding
                    when sp.failing > 0 then 'OPEN_FAILURES'::testingstanding
                    when sp.met = (select count(*) from test_milestone where mandatory) then 'ALL_MET'::testingstanding
                    else 'IN_PROGRESS'::testingstanding
                end as testing,
                (select count(*)::integer from test_milestone where mandatory) as mandatory_total,
                case when sp.reported > 0 and sp.counted_from = b.results_count_from then sp.met end as mandatory_met,
                case when sp.reported > 0 and sp.counted_from = b.results_count_from
                    then 100 * sp.met / (select count(*)::integer from test_milestone where mandatory)
                end as percent_met,
                case when sp.reported > 0 and sp.counted_from = b.results_count_from then sp.failing end as open_failures,
                sp.latest_report_id,
                floor(extract(epoch from (select app.as_of()) - sp.latest_reported_at) / 3600)::integer as hours_since_report,
                (
                    select coming.id from (
                        (
                            select m.id, m.forecast_on from milestone m
                            where m.tenant_ods = s.supplier_ods and m.product_id = s.product_id and m.system_id is null
                            and m.status in ('PLANNED', 'IN_PROGRESS')
                            order by m.forecast_on, m.id limit 1
                        ) union all (
                            select m.id, m.forecast_on from milestone m
                            where m.trust_ods = s.tenant_ods and m.system_id = s.id
                            and m.status in ('PLANNED', 'IN_PROGRESS')
                            order by m.forecast_on, m.id limit 1
                        )
                    ) coming
                    order by coming.forecast_on, coming.id limit 1
                ) as next_milestone_id
            from system s
            left join system_progress sp on sp.tenant_ods = s.tenant_ods and sp.system_id = s.id
            left join organisation o on o.ods_code = s.tenant_ods
            left join product p on p.tenant_ods = s.supplier_ods and p.id = s.product_id
            left join build b on b.tenant_ods = p.tenant_ods and b.id = p.current_build_id
        $view$;
    end loop;
    perform set_config('search_path', before, true);
end
$$;

grant select on public.progress, known.progress
    to app_assurer, app_auditor, app_icb, app_national, app_region, app_supplier, app_trust;
