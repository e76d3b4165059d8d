-- The caller of a transaction, and the policies that show each caller its own rows.

create schema app;
revoke all on schema public from public;
grant usage on schema public to reinstate_owner; -- checks of foreign keys run as the owner of the tables

create table app.installation (
    demonstration boolean not null,
    only_row boolean primary key default true check (only_row)
);
comment on table app.installation is 'Whether this database holds a demonstration, whose clock may be set.';
insert into app.installation (demonstration) values (false);

create function app.tenant() returns text language sql stable parallel safe
    return nullif(current_setting('app.tenant', true), '');
create function app.region() returns text language sql stable parallel safe
    return nullif(current_setting('app.region', true), '');
create function app.now() returns timestamptz language sql stable parallel safe
    return case
        when (select demonstration from app.installation)
        then coalesce(nullif(current_setting('app.clock', true), '')::timestamptz, transaction_timestamp())
        else transaction_timestamp()
    end;
comment on function app.now is 'The time of this transaction. Only a demonstration''s clock can be set.';

-- First statement of every transaction: who asks, for which organisation, by which request. Answers the time.
create function app.enter(tenant text, kind text, subject text, verb text, request text, clock text)
returns timestamptz language plpgsql as $$
begin
    perform set_config('app.tenant', coalesce(tenant, ''), true),
            set_config('app.region', coalesce((select region_ods from organisation where ods_code = tenant), ''), true),
            set_config('app.kind', coalesce(kind, ''), true),
            set_config('app.subject', coalesce(subject, ''), true),
            set_config('app.verb', coalesce(verb, ''), true),
            set_config('app.request', coalesce(request, ''), true),
            set_config('app.clock', coalesce(clock, ''), true);
    return app.now();
end
$$;

-- Row-level security for a table, from the reach its columns give:
--   tenant_ods    its owner reads and writes        owner_ods     the owner of what an event is about reads
--                                                   trust_ods     this trust reads
--   supplier_ods  this supplier reads               region_ods    this region reads
--   audience      PUBLISHED: every caller reads     REGION: the trusts of region_ods read
-- National and auditor read all; everyone writes as themselves alone.
create function app.protect(tab regclass) returns void language plpgsql as $$
declare
    has text[] := array(select attname from pg_attribute where attrelid = tab and attnum > 0 and not attisdropped);
    own text := 'tenant_ods = (select app.tenant())';
    mine text := own || case when 'owner_ods' = any (has) then ' or owner_ods = (select app.tenant())' else '' end;
    published text := case when 'audience' = any (has) then ' or audience = ''PUBLISHED''' else '' end;
    trust text := mine || published
        || case when 'trust_ods' = any (has) then ' or trust_ods = (select app.tenant())' else '' end
        || case when has @> array['audience', 'region_ods']::text[]
                then ' or (audience = ''REGION'' and region_ods = (select app.region()))' else '' end;
    supplier text := mine || published
        || case when 'supplier_ods' = any (has) then ' or supplier_ods = (select app.tenant())' else '' end;
    region text := mine || published
        || case when 'region_ods' = any (has) then ' or region_ods = (select app.tenant())' else '' end;
    kind text;
begin
    execute format('alter table %s enable row level security', tab);
    execute format('alter table %s force row level security', tab);
    execute format('create policy read_trust on %s for select to app_trust using (%s)', tab, trust);
    execute format('create policy read_supplier on %s for select to app_supplier using (%s)', tab, supplier);
    execute format('create policy read_region on %s for select to app_region using (%s)', tab, region);
    execute format('create policy read_own on %s for select to app_icb, app_assurer using (%s)', tab, mine || published);
    execute format('create policy read_all on %s for select to app_national, app_auditor using (true)', tab);
    foreach kind in array array['trust', 'supplier', 'region', 'icb', 'assurer', 'national', 'auditor'] loop
        execute format('create policy write_%1$s on %2$s for insert to app_%1$s with check (%3$s)', kind, tab, own);
        execute format('create policy change_%1$s on %2$s for update to app_%1$s using (%3$s)', kind, tab, own);
    end loop;
end
$$;

-- A list that every caller may read and nobody's transaction may write.
create function app.publish(tab regclass) returns void language plpgsql as $$
begin
    execute format('alter table %s enable row level security', tab);
    execute format('alter table %s force row level security', tab);
    execute format('create policy read_all on %s for select using (true)', tab);
end
$$;

create function app.refuse() returns trigger language plpgsql as $$
begin
    raise exception '% of % is refused: history is append-only', lower(tg_op), tg_table_name
        using errcode = 'insufficient_privilege';
end
$$;

-- The region of a row is its organisation's, whatever the writer says; a boundary change moves it by foreign key.
create function app.set_region() returns trigger language plpgsql as $$
begin
    new.region_ods := (
        select o.region_ods from organisation o
        where o.ods_code = coalesce(to_jsonb(new) ->> 'trust_ods', new.tenant_ods)
    );
    return new;
end
$$;

revoke execute on all functions in schema app from public;
grant usage on schema app, public to app_assurer, app_auditor, app_icb, app_national, app_region, app_supplier,
    app_trust, app_operator, app_sign_in;
grant select on app.installation to app_assurer, app_auditor, app_icb, app_national, app_region, app_supplier,
    app_trust, app_operator, app_sign_in;
grant execute on function app.tenant, app.region, app.now, app.enter, app.refuse, app.set_region
    to app_assurer, app_auditor, app_icb, app_national, app_region, app_supplier, app_trust, app_operator, app_sign_in;

create type organisationkind as enum ('ASSURER', 'AUDITOR', 'ICB', 'NATIONAL', 'REGION', 'SUPPLIER', 'TRUST');
create type organisationsource as enum ('FHIR', 'MANUAL', 'ORD', 'SNAPSHOT');
create type audience as enum ('PRIVATE', 'REGION', 'PUBLISHED');

create table organisation (
    ods_code varchar(10) primary key check (ods_code ~ '^[A-Z0-9]{3,10}$'),
    name varchar(200) not null,
    kind organisationkind not null,
    primary_role_id varchar(10),
    icb_ods varchar(10) references organisation,
    region_ods varchar(10) references organisation,
    opened_on date,
    closed_on date check (closed_on >= opened_on),
    successor_ods varchar(10) references organisation check (successor_ods <> ods_code),
    source organisationsource not null,
    demonstration boolean not null,
    version integer not null,
    verified_at timestamptz,
    unique (ods_code, region_ods)
);
create index on organisation (region_ods);
grant select on organisation to app_assurer, app_auditor, app_icb, app_national, app_region, app_supplier,
    app_trust, app_operator, app_sign_in;
grant insert, update on organisation to app_operator;
select app.publish('organisation');
create policy operate on organisation to app_operator using (true) with check (true);
