-- The read model: where each system's testing stands, kept in the transaction that changes it.
--
-- system_progress holds only what a trust's own transactions change: its systems and its test reports. What its
-- supplier changes (the current build, from which build on results count) is joined when it is read, because a
-- supplier's transaction may not write a trust's rows. So a row says from which build on it counted, and a reader
-- takes its counts only while that is still so; once results count from a later build none of them does, since
-- reports are only accepted on the current build.

create table system_progress (
    tenant_ods varchar(10) not null,
    system_id uuid not null,
    supplier_ods varchar(10) not null,
    region_ods varchar(10),
    counted_from integer not null,
    reported integer not null,
    met integer not null,
    failing integer not null,
    latest_report_id uuid,
    latest_reported_at timestamptz,
    primary key (tenant_ods, system_id),
    foreign key (tenant_ods, system_id) references system (tenant_ods, id),
    foreign key (tenant_ods, region_ods) references organisation (ods_code, region_ods) on update cascade
) with (fillfactor = 80); -- room for the next figures beside the last
comment on table system_progress is 'Derived from system, build and test_report by app.figures; not in the ledger.';

-- The stage's place in the catalogue, kept by the database. Row-level security keeps an enumeration's equality out
-- of index conditions (it is not leakproof), so that a stage's newest result could not be looked up by `test`.
alter table test_report add column stage smallint not null generated always as (
    case test
        when 'CONNECTIVITY' then 1 when 'SMOKE' then 2 when 'ACCESS' then 3 when 'INTERFACE' then 4
        when 'DATA_INTEGRITY' then 5 when 'REGRESSION' then 6 when 'UAT' then 7 when 'PERFORMANCE' then 8
        when 'PENETRATION' then 9 when 'OAT' then 10 when 'REPORTING_EXTRACT' then 11
    end
) stored;

-- What the figures are taken from: a stage's results, newest first, and the newest of all.
create index test_report_by_stage on test_report (tenant_ods, system_id, stage, as_of desc, reported_at desc, id desc)
    include (build_id, outcome, exit_met);
create index test_report_newest on test_report (tenant_ods, system_id, as_of desc, reported_at desc, id desc);

-- A system's figures, from the rows; the one place that defines them. A report stands unless another corrects it.
-- counted_from      the number of the build from which results count now; 0: there is no build
-- reported          test stages with a standing result that counts
-- met, failing      of the latest such result of each stage: mandatory and done; failed
-- latest_*          the newest standing report, on any build
-- The tables are named without their schema: over the schema `known` it tells the figures of then (0006).
create function app.figures(whose text, which uuid) returns table (
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
            and not exists (select from test_report c where c.tenant_ods = whose and c.corrects_id = r.id)
            order by r.as_of desc, r.reported_at desc, r.id desc
            limit 1
        ) latest
    ) stages
    left join lateral (
        select r.id, r.reported_at from test_report r
        where r.tenant_ods = whose and r.system_id = which
        and not exists (select from test_report c where c.tenant_ods = whose and c.corrects_id = r.id)
        order by r.as_of desc, r.reported_at desc, r.id desc
        limit 1
    ) newest on true
$$;

-- Counts a system anew. The row is locked by a statement of its own first: the next one then sees, at READ
-- COMMITTED, the reports of everyone who held the lock before, and whoever comes after sees ours.
create function app.count_anew(whose text, which uuid) returns void language plpgsql as $$
begin
    perform from system_progress p where p.tenant_ods = whose and p.system_id = which for update;
    if found then
        update system_progress p
        set (counted_from, reported, met, failing, latest_report_id, latest_reported_at)
            = (f.counted_from, f.reported, f.met, f.failing, f.latest_report_id, f.latest_reported_at)
        from app.figures(whose, which) f
        where p.tenant_ods = whose and p.system_id = which;
    else
        insert into system_progress (
            tenant_ods, system_id, supplier_ods, region_ods,
            counted_from, reported, met, failing, latest_report_id, latest_reported_at
        )
        select s.tenant_ods, s.id, s.supplier_ods, s.region_ods, f.*
        from system s cross join app.figures(whose, which) f
        where s.tenant_ods = whose and s.id = which;
    end if;
end
$$;

create function app.count_system() returns trigger language plpgsql as $$
begin
    perform app.count_anew(new.tenant_ods, new.id);
    return null;
end
$$;

create function app.count_report() returns trigger language plpgsql as $$
begin
    perform app.count_anew(new.tenant_ods, new.system_id);
    return null;
end
$$;

create trigger count_system after insert on system for each row execute function app.count_system();
create trigger count_report after insert on test_report for each row execute function app.count_report();
create trigger set_region before insert on system_progress for each row execute function app.set_region();

select app.protect('system_progress');
revoke execute on all functions in schema app from public;
grant execute on function app.figures, app.count_anew, app.count_system, app.count_report
    to app_assurer, app_auditor, app_icb, app_national, app_region, app_supplier, app_trust;
grant select on system_progress
    to app_assurer, app_auditor, app_icb, app_national, app_region, app_supplier, app_trust;
grant insert on system_progress to app_trust;
grant update (counted_from, reported, met, failing, latest_report_id, latest_reported_at) on system_progress to app_trust;

-- What is there already is counted by the owner of the tables, whom row-level security otherwise shows nothing.
do $$
declare
    tables text[] := array['system', 'product', 'build', 'test_report', 'system_progress'];
    tab text;
begin
    foreach tab in array tables loop
        execute format('alter table %I no force row level security', tab);
    end loop;
    perform app.count_anew(s.tenant_ods, s.id) from system s;
    foreach tab in array tables loop
        execute format('alter table %I force row level security', tab);
    end loop;
end
$$;
