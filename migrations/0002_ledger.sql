-- The ledger: every change of a kept row, written by the database itself, chained for each acting organisation.

create table event (
    tenant_ods varchar(10) not null references organisation,
    sequence bigint not null,
    xid bigint not null,
    id bigint not null generated always as identity,
    owner_ods varchar(10) not null references organisation,
    trust_ods varchar(10),
    region_ods varchar(10),
    supplier_ods varchar(10),
    audience audience not null,
    actor varchar(120) not null,
    actor_kind organisationkind,
    verb varchar(60) not null,
    object_type varchar(60) not null,
    object_key varchar(60) not null,
    row jsonb not null,
    reason varchar(2000),
    effective_at timestamptz not null check (effective_at between '0001-01-01 00:00Z' and '9999-12-31 23:59:59.999999Z'),
    recorded_at timestamptz not null check (recorded_at between '0001-01-01 00:00Z' and '9999-12-31 23:59:59.999999Z'),
    request_id varchar(60),
    previous_hash bytea not null,
    hash bytea not null,
    primary key (tenant_ods, sequence),
    unique (tenant_ods, id)
);
create index on event (xid, id);
create index on event (object_type, object_key, id);

-- One spelling for a value, so that a hash can be taken again anywhere: length:value; ~ for null.
-- Infinity would be spelled as null, and years BC as years AD: the table's checks keep both out.
create function app.spell(value text) returns text language sql immutable parallel safe
    return coalesce(octet_length(value) || ':' || value || ';', '~;');
create function app.spell(value timestamptz) returns text language sql stable parallel safe
    return app.spell(to_char(value at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"'));

create function app.canonical(e event) returns text language sql stable parallel safe
    return app.spell(e.tenant_ods) || app.spell(e.sequence::text) || app.spell(e.xid::text)
        || app.spell(e.id::text) || app.spell(e.owner_ods) || app.spell(e.trust_ods) || app.spell(e.region_ods)
        || app.spell(e.supplier_ods) || app.spell(e.audience::text) || app.spell(e.actor)
        || app.spell(e.actor_kind::text) || app.spell(e.verb) || app.spell(e.object_type)
        || app.spell(e.object_key) || app.spell(e.row::text) || app.spell(e.reason)
        || app.spell(e.effective_at) || app.spell(e.recorded_at) || app.spell(e.request_id)
        || app.spell(encode(e.previous_hash, 'hex'));
comment on function app.canonical is 'Every column of an event but its hash, in order; docs/adr/0003-ledger.md.';

-- Each event takes its place in the acting organisation's chain; the lock orders writers until they commit.
create function app.chain() returns trigger language plpgsql as $$
declare
    last record;
begin
    if pg_trigger_depth() < 2 then
        raise exception 'events are written by changes alone' using errcode = 'insufficient_privilege';
    end if;
    perform pg_advisory_xact_lock(hashtextextended('chain:' || new.tenant_ods, 0));
    select e.sequence, e.hash into last from event e
        where e.tenant_ods = new.tenant_ods order by e.sequence desc limit 1;
    new.xid := pg_current_xact_id()::text::bigint;
    new.sequence := coalesce(last.sequence, 0) + 1;
    new.previous_hash := coalesce(last.hash, sha256('reinstate'::bytea));
    new.recorded_at := app.now();
    new.hash := sha256(convert_to(app.canonical(new), 'UTF8'));
    return new;
end
$$;
create trigger chain before insert on event for each row execute function app.chain();
create trigger append_only before update or delete or truncate on event execute function app.refuse();

-- Writes the event of a changed row. A row without tenant_ods (organisation) belongs to itself.
create function app.record() returns trigger language plpgsql as $$
declare
    after jsonb := to_jsonb(new);
    owner text := coalesce(after ->> 'tenant_ods', after ->> 'ods_code');
begin
    insert into event (
        tenant_ods, owner_ods, trust_ods, region_ods, supplier_ods, audience, actor, actor_kind, verb,
        object_type, object_key, row, reason, effective_at, request_id,
        sequence, xid, recorded_at, previous_hash, hash
    ) values (
        app.tenant(), owner, after ->> 'trust_ods',
        case when after ? 'tenant_ods' then after ->> 'region_ods' end, after ->> 'supplier_ods',
        case when after ? 'tenant_ods' then coalesce((after ->> 'audience')::audience, tg_argv[1]::audience)
             else 'PUBLISHED' end,
        current_setting('app.subject'), nullif(current_setting('app.kind'), '')::organisationkind,
        current_setting('app.verb'), tg_argv[0], coalesce(after ->> 'id', after ->> 'ods_code'), after,
        nullif(after ->> 'reason', ''),
        coalesce(
            (select (after ->> c)::timestamptz from unnest(string_to_array(tg_argv[2], ',')) c
             where after ->> c is not null limit 1),
            app.now()
        ),
        nullif(current_setting('app.request'), ''),
        0, 0, app.now(), '', ''
    );
    return null;
end
$$;

-- A changed row counts its version up by one; only the keeping of reach (a cascade) does not.
create function app.count_version() returns trigger language plpgsql as $$
begin
    if new.version is distinct from old.version + 1 then
        raise exception '% changed without its version', tg_table_name using errcode = 'serialization_failure';
    end if;
    return new;
end
$$;

-- A noun that the ledger follows: `noun` is its name in the API, `audience` its audience where no column says,
-- `effective` the columns, first to last, that say from when the change holds, `unrecorded` a column whose change
-- is not worth an event.
create function app.follow(
    tab regclass, noun text, audience audience default 'PRIVATE', effective text default '', unrecorded text default null
) returns void language plpgsql as $$
declare
    changed text := 'pg_trigger_depth() = 0'
        || case when unrecorded is null then '' else format(' and old.%1$I is not distinct from new.%1$I', unrecorded) end;
begin
    execute format('create trigger append_only before delete or truncate on %s execute function app.refuse()', tab);
    execute format('create trigger count_version before update on %s for each row when (%s) '
                   'execute function app.count_version()', tab, changed);
    execute format('create trigger record after insert on %s for each row when (pg_trigger_depth() = 0) '
                   'execute function app.record(%L, %L, %L)', tab, noun, audience, effective);
    execute format('create trigger record_change after update on %s for each row when (%s) '
                   'execute function app.record(%L, %L, %L)', tab, changed, noun, audience, effective);
    if exists (select from pg_attribute where attrelid = tab and attname = 'tenant_ods')
       and exists (select from pg_attribute where attrelid = tab and attname = 'region_ods') then
        execute format('create trigger set_region before insert on %s for each row execute function app.set_region()', tab);
    end if;
end
$$;

revoke execute on all functions in schema app from public;
grant execute on function app.spell(text), app.spell(timestamptz), app.canonical, app.chain, app.record, app.count_version
    to app_assurer, app_auditor, app_icb, app_national, app_region, app_supplier, app_trust, app_operator;
grant select, insert on event to app_assurer, app_auditor, app_icb, app_national, app_region, app_supplier,
    app_trust, app_operator;
select app.protect('event');
create policy operate_read on event for select to app_operator using (tenant_ods = (select app.tenant()));
create policy operate_write on event for insert to app_operator with check (tenant_ods = (select app.tenant()));
drop policy change_trust on event;
drop policy change_supplier on event;
drop policy change_region on event;
drop policy change_icb on event;
drop policy change_assurer on event;
drop policy change_national on event;
drop policy change_auditor on event;
select app.follow('organisation', 'Organisation');
