-- Slots: when a system is reconnected, booked by its trust and confirmed by its supplier; and cohorts: the teams and
-- accounts of a trust that go back together.

create type slotstate as enum ('REQUESTED', 'CONFIRMED', 'DECLINED', 'HANDED_BACK');
create type cohortstate as enum ('PLANNED', 'LIVE', 'EXCUSED');

-- A confirmed slot has a place of its day, from 1 to what the wave takes a day, and no two have the same: so the
-- capacity holds without anybody's rows being counted. It is looked at when a statement ends: two slots change days
-- in one statement.
create table reinstatement_slot (
    tenant_ods varchar(10) not null,
    id uuid not null,
    version integer not null,
    created_at timestamptz not null,
    created_by varchar(120) not null,
    starts_at timestamptz not null,
    ends_at timestamptz not null check (ends_at > starts_at),
    supplier_ods varchar(10) not null,
    wave_id uuid not null,
    system_id uuid not null,
    region_ods varchar(10),
    on_day date not null,
    state slotstate not null,
    place integer check (place >= 1),
    queue_position integer not null check (queue_position >= 1),
    swap_offered boolean not null,
    requested_at timestamptz not null,
    decided_at timestamptz,
    decider varchar(120),
    decline_reason varchar(2000) check (length(decline_reason) >= 2),
    handed_back_at timestamptz,
    hand_back_reason varchar(2000) check (length(hand_back_reason) >= 2),
    primary key (tenant_ods, id),
    foreign key (tenant_ods, system_id) references system (tenant_ods, id),
    foreign key (supplier_ods, wave_id) references wave (tenant_ods, id),
    foreign key (tenant_ods, region_ods) references organisation (ods_code, region_ods) on update cascade,
    constraint a_place_is_one_slots exclude using btree (
        supplier_ods with =, wave_id with =, on_day with =, place with =
    ) where (state = 'CONFIRMED') deferrable initially immediate,
    constraint its_course_is_stamped check (
        (place is not null) = (state = 'CONFIRMED')
        and (not swap_offered or state = 'CONFIRMED')
        and num_nonnulls(decided_at, decider) = case
            when state in ('CONFIRMED', 'DECLINED') or (state = 'HANDED_BACK' and decided_at is not null) then 2 else 0
        end
        and (decline_reason is not null) = (state = 'DECLINED')
        and num_nonnulls(handed_back_at, hand_back_reason) = case state when 'HANDED_BACK' then 2 else 0 end
    )
);
create unique index a_system_has_one_slot on reinstatement_slot (tenant_ods, system_id)
    where state in ('REQUESTED', 'CONFIRMED');
create index on reinstatement_slot (id);
create index on reinstatement_slot (system_id, id);
create index on reinstatement_slot (wave_id, id);
create index on reinstatement_slot (region_ods, id);
create index on reinstatement_slot (supplier_ods, id);

-- The day of an instant in London.
create function app.london_day(at timestamptz) returns date language sql immutable parallel safe
    return (at at time zone 'Europe/London')::date;

-- When a slot is over that ends at an instant: with that day, in London. What begins on the day begins within it.
create function app.over_at(ends_at timestamptz) returns timestamptz language sql immutable parallel safe
    return (app.london_day(ends_at) + 1)::timestamp at time zone 'Europe/London';

-- Whether a system in this state has begun to go back, in its slot.
create function app.has_begun(state systemstate) returns boolean language sql immutable parallel safe
    return state in ('REINSTATING', 'LIVE', 'RECOVERED');

create function app.request_slot() returns trigger language plpgsql as $$
declare
    its wave := (select w from wave w where w.tenant_ods = new.supplier_ods and w.id = new.wave_id);
    place_in_order integer := (
        select m.position from wave_member m
        where m.tenant_ods = new.supplier_ods and m.wave_id = new.wave_id and m.trust_ods = new.tenant_ods
        and m.system_id = new.system_id and m.state = 'APPROVED'
    );
begin
    if new.state <> 'REQUESTED' then
        raise exception 'a slot begins requested' using errcode = 'check_violation';
    end if;
    if place_in_order is null or its.state not in ('APPROVED', 'OPEN') then
        raise exception 'a slot is of an approved member of an approved wave' using errcode = 'check_violation';
    end if;
    new.on_day := app.london_day(new.starts_at);
    if new.on_day < its.opens_on or app.london_day(new.ends_at) > its.closes_on then
        raise exception 'a slot lies within its wave' using errcode = 'check_violation';
    end if;
    new.queue_position := place_in_order;
    new.requested_at := app.now();
    return new;
end
$$;

-- Who moves a slot from which state to which; the same table is in schema/reinstatement/slot.py.
create function app.slot_may_move(was slotstate, becomes slotstate, who text)
returns boolean language sql immutable parallel safe as $$
    select (was::text, becomes::text, who) in (
        ('REQUESTED', 'CONFIRMED', 'SUPPLIER'),
        ('REQUESTED', 'DECLINED', 'SUPPLIER'),
        ('CONFIRMED', 'DECLINED', 'SUPPLIER'), -- once the system is no member of the wave any more
        ('REQUESTED', 'HANDED_BACK', 'TRUST'),
        ('CONFIRMED', 'HANDED_BACK', 'TRUST')
    )
$$;

-- The times of a slot change in an exchange alone, which its trust offered and its supplier makes.
create function app.exchange_slot(was reinstatement_slot, becomes reinstatement_slot, its wave) returns void
language plpgsql as $$
begin
    if was.state <> 'CONFIRMED' then
        raise exception 'a slot is offered for exchange once it is confirmed' using errcode = 'check_violation';
    end if;
    if current_setting('app.kind') = 'TRUST' then
        if (becomes.starts_at, becomes.ends_at, becomes.place) <> (was.starts_at, was.ends_at, was.place) then
            raise exception 'a trust offers its slot and moves it not' using errcode = 'check_violation';
        end if;
        return;
    end if;
    if not was.swap_offered or becomes.swap_offered then
        raise exception 'a slot is exchanged where its trust offered it' using errcode = 'check_violation';
    end if;
    if becomes.place > its.slots_a_day or app.london_day(becomes.starts_at) < its.opens_on
        or app.london_day(becomes.ends_at) > its.closes_on
    then
        raise exception 'a slot lies within its wave' using errcode = 'check_violation';
    end if;
end
$$;

create function app.move_slot() returns trigger language plpgsql as $$
declare
    who text := current_setting('app.kind');
    its wave := (select w from wave w where w.tenant_ods = new.supplier_ods and w.id = new.wave_id);
    belongs boolean := exists (
        select from wave_member m
        where m.tenant_ods = new.supplier_ods and m.wave_id = new.wave_id and m.trust_ods = new.tenant_ods
        and m.system_id = new.system_id and m.state = 'APPROVED'
    ) and its.state in ('APPROVED', 'OPEN');
begin
    new.on_day := app.london_day(new.starts_at);
    if new.state = old.state then
        perform app.exchange_slot(old, new, its);
        if who = 'SUPPLIER' then
            new.decided_at := app.now();
            new.decider := current_setting('app.subject');
        end if;
        return new;
    end if;
    if not app.slot_may_move(old.state, new.state, who)
        or (new.starts_at, new.ends_at) <> (old.starts_at, old.ends_at)
    then
        raise exception 'no % moves a slot from % to %', lower(who), old.state, new.state using errcode = 'check_violation';
    end if;
    if new.state = 'CONFIRMED' and not (belongs and new.place between 1 and its.slots_a_day) then
        raise exception 'a confirmed slot has a place of its day in the wave' using errcode = 'check_violation';
    end if;
    if (old.state, new.state) = ('CONFIRMED', 'DECLINED') and belongs then
        raise exception 'a confirmed slot of a member is its trust''s to hand back' using errcode = 'check_violation';
    end if;
    if new.state = 'HANDED_BACK' then
        if exists (
            select from system s where s.tenant_ods = old.tenant_ods and s.id = old.system_id and app.has_begun(s.state)
        ) then
            raise exception 'a slot in use is not handed back' using errcode = 'check_violation';
        end if;
        new.handed_back_at := app.now();
    else
        new.decided_at := app.now();
        new.decider := current_setting('app.subject');
    end if;
    return new;
end
$$;

create trigger request before insert on reinstatement_slot for each row execute function app.request_slot();
create trigger move before update on reinstatement_slot for each row when (pg_trigger_depth() = 0)
    execute function app.move_slot();
select app.protect('reinstatement_slot'), app.follow('reinstatement_slot', 'ReinstatementSlot');
create policy confirm on reinstatement_slot for update to app_supplier using (supplier_ods = (select app.tenant()));

grant select on reinstatement_slot
    to app_assurer, app_auditor, app_icb, app_national, app_region, app_supplier, app_trust;
grant insert on reinstatement_slot to app_trust;
grant update (state, place, swap_offered, handed_back_at, hand_back_reason, version) on reinstatement_slot to app_trust;
grant update (state, place, swap_offered, starts_at, ends_at, on_day, decided_at, decider, decline_reason, version)
    on reinstatement_slot to app_supplier;
select app.remember('reinstatement_slot', 'ReinstatementSlot');

-- When the plan of a system's cohorts became final. What a trust had not stated of its teams and accounts follows.
alter table system add column cohorts_final_at timestamptz;
grant update (cohorts_final_at, teams_total, accounts_total) on system to app_trust;
select app.remember('system', 'System');

create table cohort (
    tenant_ods varchar(10) not null,
    id uuid not null,
    version integer not null,
    created_at timestamptz not null,
    created_by varchar(120) not null,
    name varchar(120) not null check (length(name) >= 2),
    teams integer not null check (teams >= 0),
    accounts integer not null check (accounts >= 0),
    planned_on date not null,
    system_id uuid not null,
    supplier_ods varchar(10) not null,
    region_ods varchar(10),
    sequence integer not null check (sequence >= 1),
    state cohortstate not null,
    actual_at timestamptz,
    held_back_reason varchar(2000) check (length(held_back_reason) >= 2),
    excuse_reason varchar(2000) check (length(excuse_reason) >= 2),
    primary key (tenant_ods, id),
    unique (tenant_ods, system_id, sequence),
    foreign key (tenant_ods, system_id) references system (tenant_ods, id),
    foreign key (tenant_ods, region_ods) references organisation (ods_code, region_ods) on update cascade,
    constraint its_course_is_stamped check (
        (actual_at is not null) = (state = 'LIVE') and (excuse_reason is not null) = (state = 'EXCUSED')
    )
);
create index on cohort (id);
create index on cohort (system_id, id);
create index on cohort (region_ods, id);
create index on cohort (supplier_ods, id);

-- A cohort is planned, and then live or excused, once; a rollback of its system takes a live one back to the plan.
create function app.move_cohort() returns trigger language plpgsql as $$
declare
    its system := (select s from system s where s.tenant_ods = new.tenant_ods and s.id = new.system_id);
begin
    if tg_op = 'INSERT' then
        if new.state <> 'PLANNED' then
            raise exception 'a cohort begins planned' using errcode = 'check_violation';
        end if;
        new.supplier_ods := its.supplier_ods;
        return new;
    end if;
    if old.state = 'LIVE' and new.state = 'PLANNED' and its.state = 'ROLLED_BACK' then
        return new;
    end if;
    if old.state <> 'PLANNED' then
        raise exception 'a cohort that is % does not change', lower(old.state::text) using errcode = 'check_violation';
    end if;
    if new.state = 'LIVE' then
        if its.state not in ('REINSTATING', 'LIVE') or new.actual_at > app.now() then
            raise exception 'a cohort goes live while its system is reinstated, and not in the future'
                using errcode = 'check_violation';
        end if;
        if exists (select from app.holds_over(new.tenant_ods, new.system_id)) then
            raise exception 'a cohort is held' using errcode = 'check_violation';
        end if;
    end if;
    return new;
end
$$;

-- Once the plan of a system is final, its cohorts hold all its teams and accounts, no more and no fewer.
create function app.cohorts_add_up() returns trigger language plpgsql as $$
declare
    whose text := new.tenant_ods;
    which uuid := coalesce(to_jsonb(new) ->> 'system_id', to_jsonb(new) ->> 'id')::uuid;
begin
    if exists (
        select from system s
        cross join lateral (
            select coalesce(sum(c.teams), 0) as teams, coalesce(sum(c.accounts), 0) as accounts
            from cohort c where c.tenant_ods = s.tenant_ods and c.system_id = s.id
        ) planned
        where s.tenant_ods = whose and s.id = which and s.cohorts_final_at is not null
        and (planned.teams, planned.accounts) is distinct from (s.teams_total::bigint, s.accounts_total::bigint)
    ) then
        raise exception 'the cohorts of a final plan hold all teams and accounts of their system'
            using errcode = 'check_violation';
    end if;
    return null;
end
$$;

create function app.keep_final() returns trigger language plpgsql as $$
begin
    if old.cohorts_final_at is not null
        and (new.cohorts_final_at, new.teams_total, new.accounts_total)
            is distinct from (old.cohorts_final_at, old.teams_total, old.accounts_total)
    then
        raise exception 'a final plan stays final' using errcode = 'check_violation';
    end if;
    if (old.teams_total is not null and new.teams_total is distinct from old.teams_total)
        or (old.accounts_total is not null and new.accounts_total is distinct from old.accounts_total)
    then
        raise exception 'what a trust stated of its teams and accounts stands' using errcode = 'check_violation';
    end if;
    if new.cohorts_final_at is not null then
        new.cohorts_final_at := coalesce(old.cohorts_final_at, app.now());
    end if;
    return new;
end
$$;

create trigger move before insert or update on cohort for each row when (pg_trigger_depth() = 0)
    execute function app.move_cohort();
create constraint trigger add_up after insert or update on cohort deferrable initially deferred
    for each row execute function app.cohorts_add_up();
create constraint trigger add_up after update of cohorts_final_at, teams_total, accounts_total on system
    deferrable initially deferred for each row execute function app.cohorts_add_up();
create trigger keep_final before update of cohorts_final_at, teams_total, accounts_total on system
    for each row execute function app.keep_final();
select app.protect('cohort'), app.follow('cohort', 'Cohort', effective => 'actual_at');

grant select on cohort to app_assurer, app_auditor, app_icb, app_national, app_region, app_supplier, app_trust;
grant insert on cohort to app_trust;
grant update (name, teams, accounts, planned_on, state, actual_at, held_back_reason, excuse_reason, version)
    on cohort to app_trust;
select app.remember('cohort', 'Cohort');

revoke execute on function app.london_day, app.over_at, app.has_begun, app.request_slot, app.slot_may_move, app.exchange_slot, app.move_slot,
    app.move_cohort, app.cohorts_add_up, app.keep_final from public;
grant execute on function app.london_day, app.over_at, app.has_begun, app.request_slot, app.slot_may_move, app.exchange_slot, app.move_slot,
    app.move_cohort, app.cohorts_add_up, app.keep_final
    to app_assurer, app_auditor, app_icb, app_national, app_region, app_supplier, app_trust;
