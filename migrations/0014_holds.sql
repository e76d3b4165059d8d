-- Holds: a stop on what is being recovered, until a person releases it.

create type holdscope as enum ('BUILD', 'INCIDENT', 'PRODUCT', 'SYSTEM');
create type holdreason as enum ('CHANGE_FREEZE', 'CLINICAL_SAFETY', 'DEFECT', 'OPERATIONAL', 'ROLLBACK', 'SECURITY');
create type holdstate as enum ('PLACED', 'RELEASED');

-- trust_ods is whose the held thing is, where it is not everybody's to see: a system's trust, the opener of an
-- incident that is not national. So its region is the held thing's, and not that of whoever placed the hold.
create table hold (
    tenant_ods varchar(10) not null references organisation,
    id uuid not null,
    version integer not null,
    created_at timestamptz not null,
    created_by varchar(120) not null,
    reason_code holdreason not null,
    reason varchar(2000) not null check (length(reason) >= 2),
    scope holdscope not null,
    trust_ods varchar(10),
    system_id uuid,
    supplier_ods varchar(10),
    product_id uuid,
    build_id uuid,
    incident_ods varchar(10),
    incident_id uuid,
    region_ods varchar(10),
    audience audience not null,
    tier organisationkind not null,
    placed_at timestamptz not null,
    effective_from timestamptz not null,
    state holdstate not null,
    released_at timestamptz check (released_at >= placed_at),
    releaser_ods varchar(10) references organisation,
    releaser varchar(120) check (releaser ~ '^[a-z0-9][a-z0-9._-]{1,39}@[A-Z0-9]{3,10}$'),
    release_reason varchar(2000) check (length(release_reason) >= 2),
    primary key (tenant_ods, id),
    foreign key (trust_ods, system_id) references system (tenant_ods, id),
    foreign key (supplier_ods, product_id) references product (tenant_ods, id),
    foreign key (supplier_ods, build_id) references build (tenant_ods, id),
    foreign key (incident_ods, incident_id) references incident (tenant_ods, id),
    foreign key (trust_ods, region_ods) references organisation (ods_code, region_ods) on update cascade,
    constraint one_thing_is_held check (
        num_nonnulls(system_id, product_id, build_id, incident_id) = 1
        and case scope
            when 'SYSTEM' then num_nulls(system_id, trust_ods) = 0 and audience = 'PRIVATE'
            when 'PRODUCT' then num_nulls(product_id, supplier_ods) = 0 and audience = 'PUBLISHED'
            when 'BUILD' then num_nulls(build_id, supplier_ods) = 0 and audience = 'PUBLISHED'
            when 'INCIDENT' then num_nulls(incident_id, incident_ods) = 0
        end
    ),
    constraint a_release_is_whole check (
        num_nonnulls(released_at, releaser_ods, releaser, release_reason)
            = case state when 'RELEASED' then 4 else 0 end
    )
);
create index on hold (id);
create index on hold (region_ods, id);
create index on hold (system_id, id) where system_id is not null;
create index on hold (product_id, id) where product_id is not null;
create index on hold (build_id, id) where build_id is not null;
create index on hold (incident_id, id) where incident_id is not null;

-- Who placed it and from which tier, whatever the writer says; it begins placed.
create function app.place_hold() returns trigger language plpgsql as $$
begin
    if new.state <> 'PLACED' then
        raise exception 'a hold begins placed' using errcode = 'check_violation';
    end if;
    new.tier := (select o.kind from organisation o where o.ods_code = new.tenant_ods);
    new.placed_at := app.now();
    return new;
end
$$;

-- A release is the one change of a hold, once; who made it and when, whatever the writer says.
create function app.release_hold() returns trigger language plpgsql as $$
begin
    if old.state = 'RELEASED' then
        raise exception 'a released hold never changes' using errcode = 'check_violation';
    end if;
    if new.state <> 'RELEASED' then
        raise exception 'a hold changes by its release alone' using errcode = 'check_violation';
    end if;
    new.released_at := app.now();
    new.releaser_ods := app.tenant();
    new.releaser := current_setting('app.subject');
    return new;
end
$$;

create trigger place before insert on hold for each row execute function app.place_hold();
create trigger release before update on hold for each row when (pg_trigger_depth() = 0)
    execute function app.release_hold();
select app.protect('hold'), app.follow('hold', 'Hold', effective => 'released_at,effective_from');

-- Who may place what, besides the national team, which may place any (trusts/holds.py).
create policy its_own_systems on hold as restrictive for insert to app_trust
    with check (scope = 'SYSTEM' and trust_ods = (select app.tenant()));
create policy systems_of_its_region on hold as restrictive for insert to app_region
    with check (scope = 'SYSTEM' and region_ods = (select app.tenant()));
create policy its_own_products on hold as restrictive for insert to app_supplier
    with check (scope = 'PRODUCT' and supplier_ods = (select app.tenant()));
create policy builds on hold as restrictive for insert to app_assurer with check (scope = 'BUILD');

-- A higher tier releases what a lower one placed: the one row that a caller may write and another owns.
create policy release_in_region on hold for update to app_region
    using (region_ods = (select app.tenant()) and tier in ('REGION', 'TRUST'));
create policy release_any on hold for update to app_national using (true);

grant select on hold to app_assurer, app_auditor, app_icb, app_national, app_region, app_supplier, app_trust;
grant insert on hold to app_assurer, app_national, app_region, app_supplier, app_trust;
grant update (state, released_at, releaser_ods, releaser, release_reason, version) on hold
    to app_assurer, app_national, app_region, app_supplier, app_trust;
select app.remember('hold', 'Hold');

-- The key that a client's id of a noun names; null where it is no id of one.
create function app.key_of(noun text, id text) returns uuid language sql immutable parallel safe as $$
    select case
        when told ~ ('^' || noun || ':[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$') then split_part(told, ':', 2)::uuid
    end from (
        select encode(decode(rpad(translate(id, '-_', '+/'), (length(id) + 3) / 4 * 4, '='), 'base64'), 'escape') as told
        where id ~ '^[A-Za-z0-9_-]{1,200}$' and length(id) % 4 <> 1
    ) read
$$;

revoke execute on function app.place_hold, app.release_hold, app.key_of from public;
grant execute on function app.place_hold, app.release_hold, app.key_of
    to app_assurer, app_auditor, app_icb, app_national, app_region, app_supplier, app_trust;

-- The line of progress, as in 0007, with the holds that stop it: on the system, its build, its product, its incident.
do $$
declare
    before text := current_setting('search_path');
    place text;
begin
    foreach place in array array['public', 'known, public'] loop
        perform set_config('search_path', place, true);
        execute $view$
            create or replace view progress with (security_invoker = true) as
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
                ) as next_milestone_id,
                (
                    select count(*)::integer from (
                        select h.effective_from from hold h
                        where h.trust_ods = s.tenant_ods and h.system_id = s.id and h.state = 'PLACED'
                        union all
                        select h.effective_from from hold h
                        where h.supplier_ods = b.tenant_ods and h.build_id = b.id and h.state = 'PLACED'
                        union all
                        select h.effective_from from hold h
                        where h.supplier_ods = s.supplier_ods and h.product_id = s.product_id and h.state = 'PLACED'
                        union all
                        select h.effective_from from hold h
                        where h.incident_ods = s.incident_ods and h.incident_id = s.incident_id and h.state = 'PLACED'
                    ) over_it
                    where over_it.effective_from <= (select app.as_of())
                ) as open_holds
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
