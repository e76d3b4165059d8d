-- The outlook: who waits for whom, how ready each system is, and since when it is where it is.

-- Since when a system is in its state, kept by the database.
alter table system add column state_since timestamptz;
alter table system disable trigger user;
update system set state_since = greatest(created_at, handed_over_at, accepted_at, fully_live_at, rolled_back_at, recovered_at);
alter table system enable trigger user, alter column state_since set not null;

create function app.state_since() returns trigger language plpgsql as $$
begin
    if tg_op = 'INSERT' then
        new.state_since := app.now();
    else
        new.state_since := case when new.state = old.state then old.state_since else app.now() end;
    end if;
    return new;
end
$$;
create trigger state_since before insert or update on system for each row execute function app.state_since();
revoke execute on function app.state_since from public;
grant execute on function app.state_since to app_region, app_supplier, app_trust;
grant update (state_since) on system to app_region, app_supplier, app_trust; -- so that it is known as at an instant
select app.remember('system', 'System');

create type blockerkind as enum ('ACKNOWLEDGEMENT', 'DECISION', 'GATE', 'HANDOVER', 'HOLD', 'RETEST', 'WAVE');

-- Whose people release a hold that this tier placed.
create function app.releasing_roles(tier organisationkind) returns text[] language sql immutable parallel safe
    return case tier
        when 'TRUST' then '{TRUST_EXEC,TRUST_SIRO}' when 'SUPPLIER' then '{SUPPLIER_LEAD}' when 'REGION' then '{REGION}'
        when 'ASSURER' then '{ASSURER}' else '{NATIONAL_IMT}'
    end::text[];
revoke execute on function app.releasing_roles from public;
grant execute on function app.releasing_roles
    to app_assurer, app_auditor, app_icb, app_national, app_region, app_supplier, app_trust;

-- Lost, and neither back, replaced nor retired.
create function app.is_coming_back(state systemstate) returns boolean language sql immutable parallel safe
    return state in ('OUTAGE', 'ISOLATED', 'REBUILDING', 'AWAITING_HANDOVER', 'HANDED_OVER', 'IN_TRUST_TEST', 'READY',
                     'APPROVED', 'REINSTATING', 'ROLLED_BACK');
revoke execute on function app.is_coming_back from public;
grant execute on function app.is_coming_back
    to app_assurer, app_auditor, app_icb, app_national, app_region, app_supplier, app_trust;

do $$
declare
    before text := current_setting('search_path');
    place text;
begin
    foreach place in array array['public', 'known, public'] loop
        perform set_config('search_path', place, true);
        -- What each system on its way back waits for, and whose act that is. Until it is handed over only what the
        -- handover needs is in its way; from then on every mandatory gate is.
        execute $view$
            create view blocker with (security_invoker = true) as
            select b.tenant_ods, b.system_id, b.product_id, b.incident_ods, b.incident_id, b.supplier_ods, b.region_ods,
                b.kind, b.code::varchar as code, b.what::varchar as what, b.since,
                floor(extract(epoch from (select app.as_of()) - b.since) / 3600)::integer as hours,
                b.waits_for_ods::varchar(10) as waits_for_ods, b.waits_for_roles, b.about_noun::varchar as about_noun,
                b.about_key, (select app.as_of()) as as_of
            from (
                select s.tenant_ods, s.id as system_id, s.product_id, s.incident_ods, s.incident_id, s.supplier_ods,
                    s.region_ods, 'GATE'::blockerkind as kind, g.code::text as code, g.title || ': ' || g.detail as what,
                    g.since, g.waits_for_ods::text as waits_for_ods, g.waits_for_roles, 'Gate' as about_noun,
                    g.gate_id as about_key
                from system s join gate_standing g on g.tenant_ods = s.tenant_ods and g.system_id = s.id
                where g.shut and s.state <> 'REINSTATING' and app.is_coming_back(s.state)
                and (s.handed_over_at is not null or g.basis in ('SECURITY_ASSURANCE', 'DCB0129'))
                union all
                select s.tenant_ods, s.id, s.product_id, s.incident_ods, s.incident_id, s.supplier_ods, s.region_ods,
                    'HOLD', h.reason_code::text, 'A hold on the ' || lower(h.scope::text) || ': ' || h.reason,
                    h.effective_from, h.tenant_ods, app.releasing_roles(h.tier), 'Hold', h.id
                from system s cross join lateral app.holds_over(s.tenant_ods, s.id) h
                where app.is_coming_back(s.state)
                union all
                select s.tenant_ods, s.id, s.product_id, s.incident_ods, s.incident_id, s.supplier_ods, s.region_ods,
                    w.kind::blockerkind, s.state::text, w.what, s.state_since, w.waits_for_ods, w.waits_for_roles, 'System', s.id
                from system s cross join lateral (
                    select 'HANDOVER' as kind, case s.state
                            when 'REBUILDING' then 'It is being rebuilt'
                            when 'AWAITING_HANDOVER' then 'It is offered, and not handed over'
                            else 'Its rebuilding has not begun'
                        end as what, s.supplier_ods::text as waits_for_ods, '{SUPPLIER_LEAD}'::text[] as waits_for_roles
                    where s.state in ('OUTAGE', 'ISOLATED', 'REBUILDING', 'AWAITING_HANDOVER')
                    union all
                    select 'ACKNOWLEDGEMENT', 'Its handover is not acknowledged', s.tenant_ods, '{TRUST_IT}'
                    where s.state = 'HANDED_OVER'
                    union all
                    select 'DECISION', 'Every gate is open: go or no-go is not decided', s.tenant_ods,
                        '{TRUST_EXEC,TRUST_SIRO}'
                    where s.state = 'READY' and not exists (
                        select from gate_standing g where g.tenant_ods = s.tenant_ods and g.system_id = s.id and g.shut
                    )
                    union all
                    select 'RETEST', 'It was rolled back, and is not in test again', s.tenant_ods, '{TRUST_IT}'
                    where s.state = 'ROLLED_BACK'
                ) w
                union all
                select s.tenant_ods, s.id, s.product_id, s.incident_ods, s.incident_id, s.supplier_ods, s.region_ods,
                    'WAVE', w.state::text, 'Its wave, number ' || w.number || ', is not open',
                    greatest(s.state_since, w.approved_at), w.approver_ods, '{NATIONAL_IMT}', 'Wave', w.id
                from system s
                join wave_member m on m.tenant_ods = s.supplier_ods and m.trust_ods = s.tenant_ods
                    and m.system_id = s.id and m.state = 'APPROVED'
                join wave w on w.tenant_ods = m.tenant_ods and w.id = m.wave_id
                where s.state = 'APPROVED' and w.state = 'APPROVED'
            ) b
        $view$;
        -- How ready each system is: its place, its slot, the gates that are shut, the holds over it.
        execute $view$
            create view readiness with (security_invoker = true) as
            select
                s.tenant_ods, s.id as system_id, s.product_id, s.incident_ods, s.incident_id, s.supplier_ods, s.region_ods,
                s.state, m.tenant_ods as wave_ods, m.wave_id, m.position, slot.id as slot_id,
                case
                    when s.state in ('OPERATIONAL', 'LIVE', 'RECOVERED', 'REPLACED', 'RETIRED') or over_it.holds > 0 then null
                    else coalesce(slot.on_day, m.opens_on)
                end as expected_on,
                coalesce(shut.codes, '{}'::text[]) as shut_gates,
                over_it.holds as open_holds,
                s.state in ('READY', 'APPROVED') and shut.codes is null and over_it.holds = 0 as ready,
                (select app.as_of()) as as_of
            from system s
            left join lateral (
                select x.tenant_ods, x.wave_id, x.position, w.opens_on from wave_member x
                join wave w on w.tenant_ods = x.tenant_ods and w.id = x.wave_id and w.state <> 'CANCELLED'
                where x.tenant_ods = s.supplier_ods and x.trust_ods = s.tenant_ods and x.system_id = s.id
                and x.state in ('PROPOSED', 'APPROVED') limit 1
            ) m on true
            left join lateral (
                select r.id, r.on_day from reinstatement_slot r
                where r.tenant_ods = s.tenant_ods and r.system_id = s.id and r.state in ('REQUESTED', 'CONFIRMED') limit 1
            ) slot on true
            cross join lateral (
                select array_agg(g.code::text order by g.position, g.code) as codes from gate_standing g
                where g.tenant_ods = s.tenant_ods and g.system_id = s.id and g.shut
            ) shut
            cross join lateral (select count(*)::integer as holds from app.holds_over(s.tenant_ods, s.id)) over_it
        $view$;
    end loop;
    perform set_config('search_path', before, true);
end
$$;
grant select on public.blocker, known.blocker, public.readiness, known.readiness
    to app_assurer, app_auditor, app_icb, app_national, app_region, app_supplier, app_trust;
