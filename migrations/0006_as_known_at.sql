-- As known at: the tables as they stood at an instant of the past, under the same names in the schema `known`.
--
-- A reader sets app.known_at and search_path = known, public for its transaction (app.read_as with an instant) and
-- runs the statement it runs for today. Without an instant every view is empty.
--
-- Rows are never deleted, and most columns never change: what nobody holds the right to update is read from the
-- table itself, with the table's indexes; the rest from the latest event of the row at or before the instant.
-- A table nobody may update needs no event: its rows are known from when they were made. Regions follow the
-- organisation by a foreign key, without an event a row: the region is the organisation's, as known then.
-- Who may see a row is decided by the policies of today on the table, and of the event besides.

create schema known;

create function app.known_at() returns timestamptz language sql stable parallel safe
    return nullif(current_setting('app.known_at', true), '')::timestamptz;
comment on function app.known_at is 'The instant of the past that is asked for; null: now.';

create function app.as_of() returns timestamptz language sql stable parallel safe
    return least(app.known_at(), app.now());
comment on function app.as_of is 'The moment an answer is of: now, or the instant asked for where that is past.';

-- The view `known.<table>` of a noun that the ledger follows, with the table's columns, order and types.
-- To be called again by a migration that adds a column, or grants the update of another.
create function app.remember(tab regclass, noun text) returns void language plpgsql as $$
declare
    has text[] := array(select attname from pg_attribute where attrelid = tab and attnum > 0 and not attisdropped);
    owned boolean := 'tenant_ods' = any (has);
    changing text[] := array(
        select attname::text from pg_attribute a join pg_class c on c.oid = attrelid
        where attrelid = tab and attnum > 0 and exists (
            select from (select * from aclexplode(a.attacl) union all select * from aclexplode(c.relacl)) held
            where held.privilege_type = 'UPDATE' and held.grantee <> c.relowner
        ) and not exists (select from pg_index i where i.indrelid = tab and i.indisprimary and a.attnum = any (i.indkey))
    );
    region text := format(
        '(select o.region_ods from known.organisation o where o.ods_code = %s) as region_ods',
        case when 'trust_ods' = any (has) then 'coalesce(t.trust_ods, t.tenant_ods)' else 't.tenant_ods' end
    );
    shown text := (
        select string_agg(case
            when attname = 'region_ods' and owned then region
            when attname = any (changing)
                then format('(e.row ->> %L)::%s as %I', attname, format_type(atttypid, atttypmod), attname)
            else format('t.%I', attname)
        end, ', ' order by attnum)
        from pg_attribute where attrelid = tab and attnum > 0 and not attisdropped
    );
    latest text := format(
        'cross join lateral (select v.row from public.event v where v.object_type = %L and v.object_key = %s '
        'and v.owner_ods = %s and v.recorded_at <= (select app.known_at()) order by v.id desc limit 1) e',
        noun, case when owned then 't.id::text' else 't.ods_code' end,
        case when owned then 't.tenant_ods' else 't.ods_code' end
    );
    name text := (select relname from pg_class where oid = tab);
begin
    execute format(
        'create or replace view known.%I with (security_invoker = true) as select %s from public.%I t %s',
        name, shown, name,
        case when changing = '{}' then 'where t.created_at <= (select app.known_at())' else latest end
    );
    execute format('grant select on known.%I to app_assurer, app_auditor, app_icb, app_national, app_region, '
                   'app_supplier, app_trust', name);
end
$$;

select app.remember('organisation', 'Organisation'); -- first: the others ask it for the region
select app.remember('api_client', 'ApiClient');
select app.remember('incident', 'Incident');
select app.remember('incident_declaration', 'IncidentDeclaration');
select app.remember('product', 'Product');
select app.remember('build', 'Build');
select app.remember('system', 'System');
select app.remember('interim_system', 'InterimSystem');
select app.remember('milestone', 'Milestone');
select app.remember('milestone_forecast', 'MilestoneForecast');
select app.remember('test_report', 'TestReport');

create view known.test_milestone with (security_invoker = true) as select * from public.test_milestone;

create view known.event with (security_invoker = true) as
    select * from public.event where recorded_at <= (select app.known_at());

-- Counted anew for each reader, by the same definition as what is stored. To be read with `known` in the search path.
create view known.system_progress with (security_invoker = true) as
    select s.tenant_ods, s.id as system_id, s.supplier_ods, s.region_ods, f.counted_from, f.reported, f.met, f.failing,
        f.latest_report_id, f.latest_reported_at
    from known.system s cross join lateral app.figures(s.tenant_ods, s.id) f;

-- The scope of a read, to travel in the same statement: select case when app.read_as($1, $2) then (...) end
create function app.read_as(tenant text, clock text) returns boolean language plpgsql as $$
begin
    perform set_config('app.tenant', coalesce(tenant, ''), true),
            set_config('app.region',
                coalesce((select o.region_ods from public.organisation o where o.ods_code = tenant), ''), true),
            set_config('app.clock', coalesce(clock, ''), true);
    return true;
end
$$;

-- The same for an instant of the past, to be a statement of its own before the read: names are looked up before a
-- statement runs. Where the instant is null it is a read of now.
create function app.read_as(tenant text, clock text, known_at timestamptz) returns boolean language plpgsql as $$
begin
    perform set_config('app.known_at', coalesce(known_at::text, ''), true),
            set_config('search_path', case when known_at is null then 'public' else 'known, public' end, true);
    return app.read_as(tenant, clock);
end
$$;

revoke execute on all functions in schema app from public;
grant execute on function app.known_at, app.as_of, app.read_as(text, text), app.read_as(text, text, timestamptz)
    to app_assurer, app_auditor, app_icb, app_national, app_region, app_supplier, app_trust;
grant usage on schema known to app_assurer, app_auditor, app_icb, app_national, app_region, app_supplier, app_trust;
grant select on known.test_milestone, known.event, known.system_progress
    to app_assurer, app_auditor, app_icb, app_national, app_region, app_supplier, app_trust;
