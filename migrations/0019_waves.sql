-- Waves: which systems come back together, in which order and by which rule; and holds on a wave.

create type wavekind as enum ('PILOT', 'EARLY_ADOPTER', 'MAIN', 'TAIL');
create type wavestate as enum ('DRAFT', 'PROPOSED', 'APPROVED', 'OPEN', 'COMPLETE', 'CANCELLED');
create type memberstate as enum ('PROPOSED', 'APPROVED', 'REMOVED');

-- What the database itself counts on a row across tenants stays out of the ledger: everybody may read an event's row,
-- and small numbers are nobody's to read. A fourth argument of the trigger names those columns. And what is not yet
-- shown to whom it is about reaches its owner alone. As in 0011 besides.
create or replace function app.record() returns trigger language plpgsql as $$
declare
    after jsonb := case when tg_nargs > 3 then to_jsonb(new) - string_to_array(tg_argv[3], ',') else to_jsonb(new) end;
    owned boolean := after ? 'tenant_ods';
    shown boolean := coalesce((after ->> 'shown')::boolean, true);
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
        app.tenant(), case when owned then after ->> 'tenant_ods' else after ->> 'ods_code' end,
        case when shown then after ->> 'trust_ods' end, case when owned and shown then after ->> 'region_ods' end,
        after ->> 'supplier_ods',
        case when owned then coalesce((after ->> 'audience')::audience, tg_argv[1]::audience) else 'PUBLISHED' end,
        current_setting('app.subject'), nullif(current_setting('app.kind'), '')::organisationkind,
        current_setting('app.verb'), tg_argv[0], coalesce(after ->> 'id', after ->> 'ods_code'), after,
        nullif(after ->> 'reason', ''), coalesce(effective, app.now()), nullif(current_setting('app.request'), ''),
        0, 0, app.now(), '', ''
    );
    return null;
end
$$;

-- As in 0006, but for the audience, and whether a row is shown: where other columns of a table change, they may have
-- changed with them, by the database itself, although nobody holds the right to.
create or replace function app.remember(tab regclass, noun text) returns void language plpgsql as $$
declare
    has text[] := array(select attname from pg_attribute where attrelid = tab and attnum > 0 and not attisdropped);
    owned boolean := 'tenant_ods' = any (has);
    granted text[] := array(
        select attname::text from pg_attribute a join pg_class c on c.oid = attrelid
        where attrelid = tab and attnum > 0 and exists (
            select from (select * from aclexplode(a.attacl) union all select * from aclexplode(c.relacl)) held
            where held.privilege_type = 'UPDATE' and held.grantee <> c.relowner
        ) and not exists (select from pg_index i where i.indrelid = tab and i.indisprimary and a.attnum = any (i.indkey))
    );
    changing text[] := case when granted = '{}' then granted else granted || array['audience', 'shown'] end;
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
select app.remember('milestone', 'Milestone'), app.remember('safety_sign_off', 'SafetySignOff'),
    app.remember('hazard_summary', 'HazardSummary');

-- Whom an assurance reaches is the database's to change, too (0016).
select app.remember('security_assurance', 'SecurityAssurance');

create table wave (
    tenant_ods varchar(10) not null references organisation,
    id uuid not null,
    version integer not null,
    created_at timestamptz not null,
    created_by varchar(120) not null,
    number integer not null check (number >= 0),
    kind wavekind not null,
    opens_on date not null,
    closes_on date not null check (closes_on >= opens_on),
    order_rationale varchar(2000) not null check (length(order_rationale) >= 2),
    soak_days integer not null check (soak_days between 0 and 366),
    slots_a_day integer not null check (slots_a_day between 1 and 100),
    product_id uuid not null,
    incident_ods varchar(10) not null,
    incident_id uuid not null,
    predecessor_id uuid,
    audience audience not null,
    state wavestate not null,
    proposed_at timestamptz,
    returned_at timestamptz,
    return_reason varchar(2000) check (length(return_reason) >= 2),
    approved_at timestamptz,
    approver_ods varchar(10) references organisation,
    approver varchar(120) check (approver ~ '^[a-z0-9][a-z0-9._-]{1,39}@[A-Z0-9]{3,10}$'),
    approval_reason varchar(2000) check (length(approval_reason) >= 2),
    opened_at timestamptz,
    completed_at timestamptz,
    cancelled_at timestamptz,
    cancel_reason varchar(2000) check (length(cancel_reason) >= 2),
    member_count integer not null check (member_count >= 0),
    live_count integer not null check (live_count between 0 and member_count),
    primary key (tenant_ods, id),
    unique (tenant_ods, product_id, incident_id, number),
    foreign key (tenant_ods, product_id) references product (tenant_ods, id),
    foreign key (incident_ods, incident_id) references incident (tenant_ods, id),
    foreign key (tenant_ods, predecessor_id) references wave (tenant_ods, id),
    constraint what_was_proposed_is_published check (
        case when proposed_at is null then state in ('DRAFT', 'CANCELLED') and audience = 'PRIVATE'
             else audience = 'PUBLISHED' end
    ),
    constraint a_return_is_whole check (num_nulls(returned_at, return_reason) in (0, 2)),
    constraint an_approval_is_whole check (
        num_nonnulls(approved_at, approver_ods, approver, approval_reason) = case
            when state in ('APPROVED', 'OPEN', 'COMPLETE') then 4
            when state = 'CANCELLED' and approved_at is not null then 4
            else 0
        end
    ),
    constraint its_course_is_stamped check (
        (opened_at is null) <> (state in ('OPEN', 'COMPLETE') or (state = 'CANCELLED' and opened_at is not null))
        and (completed_at is null) = (state <> 'COMPLETE')
        and num_nonnulls(cancelled_at, cancel_reason) = case state when 'CANCELLED' then 2 else 0 end
    )
);
create index on wave (id);
create index on wave (product_id, id);
create index on wave (incident_id, id);

-- A system is in at most one wave at a time, and a place in its order is one system's.
create table wave_member (
    tenant_ods varchar(10) not null references organisation,
    id uuid not null,
    version integer not null,
    created_at timestamptz not null,
    created_by varchar(120) not null,
    reason varchar(2000) not null check (length(reason) >= 2),
    wave_id uuid not null,
    trust_ods varchar(10) not null references organisation,
    system_id uuid not null,
    region_ods varchar(10),
    shown boolean not null, -- to the trust and its region, from the proposal of its wave on
    position integer not null check (position >= 1),
    state memberstate not null,
    approved_at timestamptz,
    removed_at timestamptz,
    removed_reason varchar(2000) check (length(removed_reason) >= 2),
    primary key (tenant_ods, id),
    foreign key (tenant_ods, wave_id) references wave (tenant_ods, id),
    foreign key (trust_ods, system_id) references system (tenant_ods, id),
    foreign key (trust_ods, region_ods) references organisation (ods_code, region_ods) on update cascade,
    constraint its_course_is_stamped check (
        case state when 'PROPOSED' then approved_at is null when 'APPROVED' then approved_at is not null else true end
        and num_nonnulls(removed_at, removed_reason) = case state when 'REMOVED' then 2 else 0 end
    )
);
-- What is not removed is named: under row-level security `<>` is taken to match nothing where all are alike, and an
-- index of nothing is read in vain.
create unique index a_system_is_in_one_wave on wave_member (tenant_ods, trust_ods, system_id)
    where state in ('PROPOSED', 'APPROVED');
create unique index a_position_is_one_systems on wave_member (tenant_ods, wave_id, position)
    where state in ('PROPOSED', 'APPROVED');
create index on wave_member (id);
create index on wave_member (wave_id, id);
create index on wave_member (system_id, id);
create index on wave_member (region_ods, id);

-- The holds in force over a system: on itself, its product, that one's current build, its incident, its wave or an
-- earlier one. The caller sees those it may; its trust, supplier and region and the national team see all of them.
-- One that was placed to be in force at once is so as soon as it is seen: whoever waited for its turn began, by its own
-- clock, before it was placed.
create function app.holds_over(whose text, which uuid) returns setof hold language plpgsql stable as $$
begin
    return query
        select h.* from system s
        left join product p on p.tenant_ods = s.supplier_ods and p.id = s.product_id
        join hold h on
            (h.trust_ods = s.tenant_ods and h.system_id = s.id)
            or (h.supplier_ods = s.supplier_ods and h.product_id = s.product_id)
            or (h.supplier_ods = s.supplier_ods and h.build_id = p.current_build_id)
            or (h.incident_ods = s.incident_ods and h.incident_id = s.incident_id)
            or (h.supplier_ods = s.supplier_ods and h.wave_id in (
                select e.id from wave_member m
                join wave w on w.tenant_ods = m.tenant_ods and w.id = m.wave_id
                join wave e on e.tenant_ods = w.tenant_ods and e.product_id = w.product_id
                    and e.incident_ods = w.incident_ods and e.incident_id = w.incident_id and e.number <= w.number
                where m.tenant_ods = s.supplier_ods and m.trust_ods = s.tenant_ods and m.system_id = s.id
                and m.state = 'APPROVED'
            ))
        where s.tenant_ods = whose and s.id = which
        and h.state = 'PLACED' and h.effective_from <= greatest((select app.as_of()), h.placed_at)
        order by h.effective_from, h.id;
end
$$;

-- The holds in force over a wave: on itself or an earlier one, its product, that one's current build, its incident.
create function app.holds_over_wave(whose text, which uuid) returns setof hold language plpgsql stable as $$
begin
    return query
        select h.* from wave w
        join product p on p.tenant_ods = w.tenant_ods and p.id = w.product_id
        join hold h on
            (h.supplier_ods = w.tenant_ods and h.product_id = w.product_id)
            or (h.supplier_ods = w.tenant_ods and h.build_id = p.current_build_id)
            or (h.incident_ods = w.incident_ods and h.incident_id = w.incident_id)
            or (h.supplier_ods = w.tenant_ods and h.wave_id in (
                select e.id from wave e where e.tenant_ods = w.tenant_ods and e.product_id = w.product_id
                and e.incident_ods = w.incident_ods and e.incident_id = w.incident_id and e.number <= w.number
            ))
        where w.tenant_ods = whose and w.id = which
        and h.state = 'PLACED' and h.effective_from <= greatest((select app.as_of()), h.placed_at)
        order by h.effective_from, h.id;
end
$$;

-- States of a system in which it stands in no wave's way any more.
create function app.is_done(state systemstate) returns boolean language sql immutable parallel safe
    return state in ('LIVE', 'RECOVERED', 'REPLACED', 'RETIRED');

-- Members of a wave whose systems are still to come back.
create function app.left_of_wave(whose text, which uuid) returns bigint language sql stable as $$
    select count(*) from wave_member m
    left join system s on s.tenant_ods = m.trust_ods and s.id = m.system_id
    where m.tenant_ods = whose and m.wave_id = which and m.state <> 'REMOVED'
    and not coalesce(app.is_done(s.state), false)
$$;

-- Whether a defect of severity 1 with clinical safety is open on a product: on a system of it that trusts have, or
-- raised by its supplier.
create function app.is_unsafe(whose text, which uuid) returns boolean language sql stable as $$
    select exists (
        select from defect d
        left join system s on s.tenant_ods = d.trust_ods and s.id = d.system_id
        where d.supplier_ods = whose and d.product_id = which and d.severity = 'S1' and d.clinical_safety
        and app.defect_is_open(d.severity, d.state)
        and (d.system_id is null or s.state in (
            'HANDED_OVER', 'IN_TRUST_TEST', 'READY', 'APPROVED', 'REINSTATING', 'LIVE', 'RECOVERED', 'ROLLED_BACK'
        ))
    )
$$;

-- Whether the wave before has come far enough: complete, or all back, the days of its successor's soak passed since
-- the last of them went live, and no defect that makes the product unsafe.
create function app.exit_rule_met(whose text, successor uuid) returns boolean language sql stable as $$
    select w.predecessor_id is null or before.state = 'COMPLETE' or (
        before.state in ('OPEN', 'CANCELLED') and app.left_of_wave(whose, before.id) = 0
        and not exists (
            select from wave_member m
            join system s on s.tenant_ods = m.trust_ods and s.id = m.system_id
            where m.tenant_ods = whose and m.wave_id = before.id and m.state <> 'REMOVED'
            and s.state in ('LIVE', 'RECOVERED')
            and coalesce(
                coalesce(s.fully_live_at, s.first_live_at) + make_interval(days => w.soak_days) > app.now(), true
            )
        )
        and not app.is_unsafe(whose, w.product_id)
    )
    from wave w
    left join wave before on before.tenant_ods = w.tenant_ods and before.id = w.predecessor_id
    where w.tenant_ods = whose and w.id = successor
$$;

-- Who moves a wave from which state to which (domain model, B.2); the same table is in schema/reinstatement/wave.py.
create function app.wave_may_move(was wavestate, becomes wavestate, who text)
returns boolean language sql immutable parallel safe as $$
    select (was::text, becomes::text, who) in (
        ('DRAFT', 'PROPOSED', 'SUPPLIER'),
        ('DRAFT', 'CANCELLED', 'SUPPLIER'),
        ('PROPOSED', 'CANCELLED', 'SUPPLIER'),
        ('PROPOSED', 'DRAFT', 'NATIONAL'),
        ('PROPOSED', 'APPROVED', 'NATIONAL'),
        ('APPROVED', 'OPEN', 'NATIONAL'),
        ('APPROVED', 'CANCELLED', 'NATIONAL'),
        ('OPEN', 'COMPLETE', 'NATIONAL'),
        ('OPEN', 'CANCELLED', 'NATIONAL')
    )
$$;

create function app.draft_wave() returns trigger language plpgsql as $$
begin
    if new.state <> 'DRAFT' or num_nonnulls(new.proposed_at, new.returned_at) > 0 then
        raise exception 'a wave begins as a draft' using errcode = 'check_violation';
    end if;
    if new.predecessor_id is not null and not exists (
        select from wave w where w.tenant_ods = new.tenant_ods and w.id = new.predecessor_id
        and w.product_id = new.product_id and w.incident_ods = new.incident_ods and w.incident_id = new.incident_id
        and w.number < new.number
    ) then
        raise exception 'a predecessor is an earlier wave of the same product and incident'
            using errcode = 'check_violation';
    end if;
    new.audience := 'PRIVATE';
    new.member_count := 0;
    new.live_count := 0;
    return new;
end
$$;

-- The lawful moves of a wave, and what each of them needs; who made it and when, whatever the writer says.
create function app.move_wave() returns trigger language plpgsql as $$
declare
    who text := current_setting('app.kind');
begin
    if (new.member_count, new.live_count) <> (old.member_count, old.live_count) then
        raise exception 'the members of a wave are counted by the database' using errcode = 'check_violation';
    end if;
    if new.state = old.state then
        if who <> 'SUPPLIER' or old.state not in ('DRAFT', 'PROPOSED')
            or new.proposed_at is distinct from old.proposed_at
        then
            raise exception 'a wave is amended by its supplier before it is approved' using errcode = 'check_violation';
        end if;
        return new;
    end if;
    if not app.wave_may_move(old.state, new.state, who) then
        raise exception 'no % moves a wave from % to %', lower(who), old.state, new.state using errcode = 'check_violation';
    end if;
    case new.state
        when 'PROPOSED' then
            if old.member_count = 0 then
                raise exception 'a wave without members is not proposed' using errcode = 'check_violation';
            end if;
            new.proposed_at := app.now();
            new.audience := 'PUBLISHED';
        when 'DRAFT' then
            new.returned_at := app.now();
        when 'APPROVED' then
            new.approved_at := app.now();
            new.approver_ods := app.tenant();
            new.approver := current_setting('app.subject');
        when 'OPEN' then
            if exists (select from app.holds_over_wave(old.tenant_ods, old.id)) then
                raise exception 'a wave is held' using errcode = 'check_violation';
            end if;
            if app.exit_rule_met(old.tenant_ods, old.id) is distinct from true then
                raise exception 'the wave before has not come far enough' using errcode = 'check_violation';
            end if;
            if exists (select from app.shut_gates_of_wave(old.tenant_ods, old.id)) then -- 0022
                raise exception 'gates of the wave are shut' using errcode = 'check_violation';
            end if;
            new.opened_at := app.now();
        when 'COMPLETE' then
            if app.left_of_wave(old.tenant_ods, old.id) > 0 then
                raise exception 'members of the wave are still to come back' using errcode = 'check_violation';
            end if;
            new.completed_at := app.now();
        when 'CANCELLED' then
            new.cancelled_at := app.now();
    end case;
    return new;
end
$$;

-- Who moves a membership: what the supplier proposed, the national team approves or strikes out; what it has not
-- approved, the supplier takes back.
create function app.move_member() returns trigger language plpgsql as $$
declare
    its wave := (select w from wave w where w.tenant_ods = new.tenant_ods and w.id = new.wave_id);
    who text := current_setting('app.kind');
begin
    if tg_op = 'INSERT' then
        if new.state <> 'PROPOSED' or new.approved_at is not null or its.state in ('COMPLETE', 'CANCELLED') then
            raise exception 'a membership begins proposed, of a wave that is not over' using errcode = 'check_violation';
        end if;
        if not exists (
            select from system s where s.tenant_ods = new.trust_ods and s.id = new.system_id
            and s.supplier_ods = new.tenant_ods and s.product_id = its.product_id
            and s.incident_ods = its.incident_ods and s.incident_id = its.incident_id
        ) then
            raise exception 'a member is a system of the wave''s product and incident' using errcode = 'check_violation';
        end if;
        new.shown := its.audience = 'PUBLISHED';
        return new;
    end if;
    new.shown := old.shown or (its.audience = 'PUBLISHED' and old.state <> 'REMOVED');
    if new.state = old.state and new.shown <> old.shown then
        return new; -- with its wave, which is proposed
    end if;
    if (old.state, new.state) not in (('PROPOSED', 'APPROVED'), ('PROPOSED', 'REMOVED'), ('APPROVED', 'REMOVED'))
        or (who = 'SUPPLIER' and (old.state, new.state) <> ('PROPOSED', 'REMOVED'))
        or who not in ('SUPPLIER', 'NATIONAL')
    then
        raise exception 'no % moves a membership from % to %', lower(who), old.state, new.state
            using errcode = 'check_violation';
    end if;
    if new.state = 'APPROVED' then
        if its.state not in ('PROPOSED', 'APPROVED', 'OPEN') then
            raise exception 'nothing is approved in a wave that is %', its.state using errcode = 'check_violation';
        end if;
        new.approved_at := app.now();
    else
        new.removed_at := app.now();
    end if;
    return new;
end
$$;

create function app.is_live(state systemstate) returns boolean language sql immutable parallel safe
    return state in ('LIVE', 'RECOVERED');

create function app.count_member() returns trigger language plpgsql as $$
declare
    live boolean := coalesce((
        select app.is_live(s.state) from system s where s.tenant_ods = new.trust_ods and s.id = new.system_id
    ), false);
    was_live integer := case when tg_op = 'UPDATE' and old.state = 'APPROVED' and live then 1 else 0 end;
begin
    update wave set
        member_count = member_count + case when tg_op = 'INSERT' then 1 when new.state = 'REMOVED' then -1 else 0 end,
        live_count = live_count + case when new.state = 'APPROVED' and live then 1 else 0 end - was_live
    where tenant_ods = new.tenant_ods and id = new.wave_id;
    return null;
end
$$;

create function app.count_live() returns trigger language plpgsql as $$
begin
    update wave w
    set live_count = w.live_count + case when app.is_live(new.state) then 1 else -1 end
    from wave_member m
    where m.tenant_ods = new.supplier_ods and m.trust_ods = new.tenant_ods and m.system_id = new.id
    and m.state = 'APPROVED' and w.tenant_ods = m.tenant_ods and w.id = m.wave_id;
    return null;
end
$$;

create trigger draft before insert on wave for each row execute function app.draft_wave();
create trigger move before update on wave for each row when (pg_trigger_depth() = 0) execute function app.move_wave();
select app.protect('wave'), app.follow('wave', 'Wave');
drop trigger record on wave;
drop trigger record_change on wave;
create trigger record after insert on wave for each row when (pg_trigger_depth() = 0)
    execute function app.record('Wave', 'PRIVATE', '', 'member_count,live_count');
create trigger record_change after update on wave for each row when (pg_trigger_depth() = 0)
    execute function app.record('Wave', 'PRIVATE', '', 'member_count,live_count');

create trigger move before insert or update on wave_member for each row when (pg_trigger_depth() = 0)
    execute function app.move_member();
select app.protect('wave_member'), app.follow('wave_member', 'WaveMember');
create trigger count_member after insert or update of state on wave_member for each row
    execute function app.count_member();
create trigger count_live after update of state on system for each row
    when (old.state in ('LIVE', 'RECOVERED') <> new.state in ('LIVE', 'RECOVERED')) execute function app.count_live();

-- The order is the national team's to approve; a system that goes live is counted by its trust's own transaction.
create policy approve_any on wave for update to app_national using (true);
create policy count_live on wave for update to app_trust using (audience = 'PUBLISHED');
create policy approve_any on wave_member for update to app_national using (true);

-- Who is in a wave that is still a draft is its supplier's to know.
create policy shown on wave_member as restrictive for select to app_trust, app_region using (shown);

grant select on wave, wave_member
    to app_assurer, app_auditor, app_icb, app_national, app_region, app_supplier, app_trust;
grant insert on wave, wave_member to app_supplier;
grant update (opens_on, closes_on, order_rationale, soak_days, slots_a_day, state, proposed_at, cancelled_at,
    cancel_reason, member_count, live_count, version) on wave to app_supplier;
grant update (state, returned_at, return_reason, approved_at, approver_ods, approver, approval_reason, opened_at,
    completed_at, cancelled_at, cancel_reason, member_count, live_count, version) on wave to app_national;
grant update (live_count) on wave to app_trust;
grant update (state, removed_at, removed_reason, version) on wave_member to app_supplier;
grant update (state, approved_at, removed_at, removed_reason, version) on wave_member to app_national;
select app.remember('wave', 'Wave'), app.remember('wave_member', 'WaveMember');

-- Holds of a wave: they cover its members and those of every later wave of the same product and incident.
-- The new word is compared as text: a transaction that adds it may not use it yet.
alter type holdscope add value 'WAVE';
alter table hold
    add column wave_id uuid,
    add foreign key (supplier_ods, wave_id) references wave (tenant_ods, id),
    drop constraint one_thing_is_held,
    add constraint one_thing_is_held check (
        num_nonnulls(system_id, product_id, build_id, incident_id, wave_id) = 1
        and case scope::text
            when 'SYSTEM' then num_nulls(system_id, trust_ods) = 0 and audience = 'PRIVATE'
            when 'PRODUCT' then num_nulls(product_id, supplier_ods) = 0 and audience = 'PUBLISHED'
            when 'BUILD' then num_nulls(build_id, supplier_ods) = 0 and audience = 'PUBLISHED'
            when 'INCIDENT' then num_nulls(incident_id, incident_ods) = 0
            when 'WAVE' then num_nulls(wave_id, supplier_ods) = 0 and audience = 'PUBLISHED'
        end
    );
create index on hold (wave_id, id) where wave_id is not null;

create function app.place_on_wave() returns trigger language plpgsql as $$
begin
    if not exists (
        select from wave w where w.tenant_ods = new.supplier_ods and w.id = new.wave_id and w.audience = 'PUBLISHED'
    ) then
        raise exception 'a wave that was never proposed holds nothing up' using errcode = 'check_violation';
    end if;
    return new;
end
$$;
create trigger place_on_wave before insert on hold for each row when (new.wave_id is not null)
    execute function app.place_on_wave();
drop policy its_own_products on hold;
create policy its_own_products_and_waves on hold as restrictive for insert to app_supplier
    with check (scope::text in ('PRODUCT', 'WAVE') and supplier_ods = (select app.tenant()));
select app.remember('hold', 'Hold');

revoke execute on function app.holds_over, app.holds_over_wave, app.is_done, app.left_of_wave, app.is_unsafe,
    app.exit_rule_met, app.wave_may_move, app.draft_wave, app.move_wave, app.move_member, app.is_live,
    app.count_member, app.count_live, app.place_on_wave from public;
grant execute on function app.holds_over, app.holds_over_wave, app.is_done, app.left_of_wave, app.is_unsafe,
    app.exit_rule_met, app.wave_may_move, app.draft_wave, app.move_wave, app.move_member, app.is_live,
    app.count_member, app.count_live, app.place_on_wave
    to app_assurer, app_auditor, app_icb, app_national, app_region, app_supplier, app_trust;

-- The line of progress, as in 0014, with the holds of its wave and of every earlier one.
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
                        union all
                        select h.effective_from from wave_member m
                        join wave w on w.tenant_ods = m.tenant_ods and w.id = m.wave_id
                        join wave e on e.tenant_ods = w.tenant_ods and e.product_id = w.product_id
                            and e.incident_ods = w.incident_ods and e.incident_id = w.incident_id
                            and e.number <= w.number
                        join hold h on h.supplier_ods = e.tenant_ods and h.wave_id = e.id and h.state = 'PLACED'
                        where m.tenant_ods = s.supplier_ods and m.trust_ods = s.tenant_ods and m.system_id = s.id
                        and m.state = 'APPROVED'
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
