-- The same events for less.

-- The number was joined to the text by an operator that is only stable, so that this was called twenty times for an
-- event; now it is written out where it is used. The spelling is the same.
create or replace function app.spell(value text) returns text language sql immutable parallel safe
    return coalesce(octet_length(value)::text || ':' || value || ';', '~;');

-- The region of a row that is its owner's alone, without looking through the row for whose else it might be.
create function app.set_own_region() returns trigger language plpgsql as $$
begin
    new.region_ods := (select o.region_ods from organisation o where o.ods_code = new.tenant_ods);
    return new;
end
$$;
revoke execute on function app.set_own_region from public;
grant execute on function app.set_own_region
    to app_assurer, app_auditor, app_icb, app_national, app_region, app_supplier, app_trust, app_operator, app_sign_in;

do $$
declare
    tab regclass;
begin
    for tab in
        select t.tgrelid from pg_trigger t
        where t.tgname = 'set_region' and t.tgfoid = 'app.set_region'::regproc and not exists (
            select from pg_attribute a where a.attrelid = t.tgrelid and a.attname = 'trust_ods'
        )
    loop
        execute format('drop trigger set_region on %s', tab);
        execute format('create trigger set_region before insert on %s '
                       'for each row execute function app.set_own_region()', tab);
    end loop;
end
$$;

-- As in 0002, but for the column that says from when a change holds: where it is one, it is read without a subquery.
create or replace function app.record() returns trigger language plpgsql as $$
declare
    after jsonb := to_jsonb(new);
    owned boolean := after ? 'tenant_ods';
    effective timestamptz := after ->> tg_argv[2];
begin
    if effective is null and position(',' in tg_argv[2]) > 0 then
        effective := (
            select after ->> c from unnest(string_to_array(tg_argv[2], ',')) c where after ->> c is not null limit 1
        );
    end if;
    insert into event (
        tenant_ods, owner_ods, trust_ods, region_ods, supplier_ods, audience, actor, actor_kind, verb,
        object_type, object_key, row, reason, effective_at, request_id,
        sequence, xid, recorded_at, previous_hash, hash
    ) values (
        app.tenant(), case when owned then after ->> 'tenant_ods' else after ->> 'ods_code' end, after ->> 'trust_ods',
        case when owned then after ->> 'region_ods' end, after ->> 'supplier_ods',
        case when owned then coalesce((after ->> 'audience')::audience, tg_argv[1]::audience) else 'PUBLISHED' end,
        current_setting('app.subject'), nullif(current_setting('app.kind'), '')::organisationkind,
        current_setting('app.verb'), tg_argv[0], coalesce(after ->> 'id', after ->> 'ods_code'), after,
        nullif(after ->> 'reason', ''), coalesce(effective, app.now()), nullif(current_setting('app.request'), ''),
        0, 0, app.now(), '', ''
    );
    return null;
end
$$;
