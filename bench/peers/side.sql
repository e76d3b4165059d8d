-- Tables that the peers write: ours without triggers, so that no peer pays for the ledger.
-- Run by a superuser after the data are loaded (policies hide rows from everyone else); safe to run again.
drop function if exists bench_report_test, milestone_slipped_days;
drop table if exists bench_audit, bench_report, bench_system;

create table bench_system (like system including all);
create table bench_report (like test_report including all);
create table bench_audit (
    tenant_ods varchar(10) not null,
    id bigint not null generated always as identity,
    actor varchar(120) not null,
    verb varchar(60) not null,
    object_type varchar(60) not null,
    object_key varchar(60) not null,
    row jsonb not null,
    recorded_at timestamptz not null default transaction_timestamp(),
    primary key (tenant_ods, id)
);
insert into bench_system select * from system;
analyze bench_system;

-- The foreign keys that the ledgered tables check too.
alter table bench_system add foreign key (supplier_ods, current_build_id) references build (tenant_ods, id);
alter table bench_report
    add foreign key (tenant_ods, system_id) references bench_system (tenant_ods, id),
    add foreign key (supplier_ods, build_id) references build (tenant_ods, id),
    add foreign key (test) references test_milestone (kind);

alter table bench_system owner to reinstate_owner;
alter table bench_report owner to reinstate_owner;
alter table bench_audit owner to reinstate_owner;
select app.protect('bench_system'), app.protect('bench_report'), app.protect('bench_audit');
grant select on bench_system, bench_report, bench_audit to app_assurer, app_auditor, app_icb, app_national, app_region,
    app_supplier, app_trust;
grant insert on bench_report, bench_audit to app_trust;
grant update (current_build_id, version) on bench_system to app_trust;

-- PostGraphile makes a field and a mutation of these; the other peers compute and write in their own language.
create function milestone_slipped_days(milestone milestone) returns integer language sql stable as $$
    select coalesce((milestone.actual_at at time zone 'UTC')::date, milestone.forecast_on) - milestone.baseline_on
$$;

create function bench_report_test(
    system uuid, build uuid, test testkind, outcome testoutcome, planned integer, run integer, passed integer,
    failed integer, blocked integer, entry_met boolean, exit_met boolean, environment varchar default 'TRUST_TEST',
    as_of timestamptz default null, notes varchar default null
) returns bench_report language plpgsql as $$
#variable_conflict use_column
declare
    tested bench_system;
    report bench_report;
begin
    update bench_system set current_build_id = $2, version = version + 1 where id = $1 returning * into tested;
    insert into bench_report (
        tenant_ods, id, version, created_at, created_by, outcome, planned, run, passed, failed, blocked, entry_met,
        exit_met, environment, notes, system_id, supplier_ods, build_id, region_ods, test, as_of, reported_at
    )
    select tested.tenant_ods, gen_random_uuid(), 1, now(), tested.tenant_ods || '-client', $4, $5, $6, $7, $8, $9, $10,
        $11, $12, $14, tested.id, tested.supplier_ods, $2, tested.region_ods, $3, coalesce($13, now()), now()
    where tested.id is not null
    returning * into report;
    insert into bench_audit (tenant_ods, actor, verb, object_type, object_key, row)
    select report.tenant_ods, tested.tenant_ods || '-client', 'reportTest', 'TestReport', report.id, to_jsonb(report)
    where report.id is not null;
    return report;
end
$$;
