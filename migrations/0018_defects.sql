-- Defects and known issues, and the holds that a defect proposes.

create type defectseverity as enum ('S1', 'S2', 'S3', 'S4');
create type defectstate as enum (
    'NEW', 'TRIAGED', 'ACCEPTED', 'FIX_READY', 'RETEST', 'CLOSED', 'DUPLICATE', 'REJECTED', 'DEFERRED'
);

-- Every lawful move of a defect: by whoever raised it, or by the product's supplier. `minor`: of S3 and S4 alone.
-- The same table is in schema/readiness/defect_moves.py.
create table app.defect_move (
    was defectstate not null,
    becomes defectstate not null,
    hand text not null check (hand in ('RAISER', 'SUPPLIER')),
    minor boolean not null,
    primary key (was, becomes, hand)
);
insert into app.defect_move values
    ('NEW', 'TRIAGED', 'SUPPLIER', false),
    ('TRIAGED', 'ACCEPTED', 'SUPPLIER', false),
    ('TRIAGED', 'REJECTED', 'SUPPLIER', false),
    ('TRIAGED', 'DUPLICATE', 'SUPPLIER', false),
    ('TRIAGED', 'DEFERRED', 'SUPPLIER', false),
    ('DEFERRED', 'TRIAGED', 'SUPPLIER', false),
    ('ACCEPTED', 'FIX_READY', 'SUPPLIER', false),
    ('FIX_READY', 'RETEST', 'RAISER', false),
    ('RETEST', 'ACCEPTED', 'RAISER', false),
    ('RETEST', 'CLOSED', 'RAISER', false),
    ('REJECTED', 'NEW', 'RAISER', false),
    ('REJECTED', 'CLOSED', 'RAISER', false),
    ('DUPLICATE', 'NEW', 'RAISER', false),
    ('DUPLICATE', 'CLOSED', 'RAISER', false),
    ('RETEST', 'CLOSED', 'SUPPLIER', true),
    ('REJECTED', 'CLOSED', 'SUPPLIER', true);

-- Whether a defect still stands in the way. The supplier alone cannot make an S1 or S2 go away, by no word of its own.
create function app.defect_is_open(severity defectseverity, state defectstate) returns boolean
    language sql immutable parallel safe
    return case when severity in ('S1', 'S2') then state <> 'CLOSED'
                else state not in ('CLOSED', 'DUPLICATE', 'REJECTED', 'DEFERRED') end;

create table defect (
    tenant_ods varchar(10) not null references organisation,
    id uuid not null,
    version integer not null,
    created_at timestamptz not null,
    created_by varchar(120) not null,
    reference varchar(40) not null,
    title varchar(200) not null,
    area varchar(120) not null,
    severity defectseverity not null,
    clinical_safety boolean not null,
    description varchar(4000) not null,
    supplier_ods varchar(10) not null,
    product_id uuid not null,
    build_id uuid not null,
    trust_ods varchar(10),
    system_id uuid,
    region_ods varchar(10),
    state defectstate not null,
    raised_at timestamptz not null,
    triage_note varchar(2000) check (length(triage_note) >= 2),
    raiser_note varchar(2000) check (length(raiser_note) >= 2),
    workaround varchar(2000) check (length(workaround) >= 2),
    workaround_agreed_at timestamptz,
    workaround_accepted_at timestamptz,
    workaround_accepted_by varchar(120) check (workaround_accepted_by ~ '^[a-z0-9][a-z0-9._-]{1,39}@[A-Z0-9]{3,10}$'),
    duplicate_ods varchar(10),
    duplicate_id uuid check (duplicate_id <> id),
    fixed_in_id uuid,
    deferred_until date,
    closed_at timestamptz check (closed_at >= raised_at),
    close_reason varchar(2000) check (length(close_reason) >= 2),
    primary key (tenant_ods, id),
    unique (tenant_ods, reference),
    foreign key (supplier_ods, product_id) references product (tenant_ods, id),
    foreign key (supplier_ods, build_id) references build (tenant_ods, id),
    foreign key (supplier_ods, fixed_in_id) references build (tenant_ods, id),
    foreign key (trust_ods, system_id) references system (tenant_ods, id),
    foreign key (duplicate_ods, duplicate_id) references defect (tenant_ods, id),
    foreign key (trust_ods, region_ods) references organisation (ods_code, region_ods) on update cascade,
    constraint a_trust_names_its_system check (
        num_nonnulls(trust_ods, system_id) in (0, 2) and tenant_ods = coalesce(trust_ods, supplier_ods)
    ),
    constraint a_workaround_is_whole check (
        num_nonnulls(workaround, workaround_agreed_at) in (0, 2)
        and num_nonnulls(workaround_accepted_at, workaround_accepted_by) in (0, 2)
        and (workaround_accepted_at is null or workaround is not null)
    ),
    -- never of another trust's: its code on this row would tell this row's trust whose it is
    constraint a_duplicate_names_the_other check (
        num_nonnulls(duplicate_ods, duplicate_id) in (0, 2) and duplicate_ods in (tenant_ods, supplier_ods)
        and (state <> 'DUPLICATE' or duplicate_id is not null)
    ),
    constraint a_fix_names_its_build check (state not in ('FIX_READY', 'RETEST') or fixed_in_id is not null),
    constraint a_deferral_ends check (state <> 'DEFERRED' or deferred_until is not null),
    constraint a_supplier_says_why check (
        state not in ('REJECTED', 'DUPLICATE', 'DEFERRED') or triage_note is not null
    ),
    constraint a_close_is_whole check (
        num_nonnulls(closed_at, close_reason) = case state when 'CLOSED' then 2 else 0 end
    )
);
create index on defect (id);
create index on defect (region_ods, id);
create index on defect (supplier_ods, id);
create index on defect (product_id, id);
create index on defect (build_id, id);
create index on defect (system_id, id) where system_id is not null;

-- It begins new, on a build and a system of its product; nobody but its raiser has had a word yet.
create function app.raise_defect() returns trigger language plpgsql as $$
begin
    if new.state <> 'NEW' or num_nonnulls(
        new.triage_note, new.raiser_note, new.workaround, new.duplicate_id, new.fixed_in_id, new.deferred_until
    ) > 0 then
        raise exception 'a defect begins new' using errcode = 'check_violation';
    end if;
    if not app.is_of_product(new.supplier_ods, new.product_id, new.build_id) then
        raise exception 'a defect is found on a build of its product' using errcode = 'check_violation';
    end if;
    if new.system_id is not null and not exists (
        select from system s where s.tenant_ods = new.trust_ods and s.id = new.system_id
        and s.supplier_ods = new.supplier_ods and s.product_id = new.product_id
    ) then
        raise exception 'a defect is found on a system of its product' using errcode = 'check_violation';
    end if;
    new.raised_at := app.now();
    return new;
end
$$;

create function app.is_of_product(supplier text, product uuid, build uuid) returns boolean language sql stable
    return exists (
        select from build b where b.tenant_ods = supplier and b.id = build and b.product_id = product
    );

-- What its raiser states, what the supplier answers, and the moves between states, each by its own hand. Who did it
-- and when, whatever the writer says.
create function app.move_defect() returns trigger language plpgsql as $$
declare
    raiser boolean := old.tenant_ods = app.tenant();
    supplier boolean := old.supplier_ods = app.tenant();
begin
    if old.state = 'CLOSED' then
        raise exception 'a closed defect never changes' using errcode = 'check_violation';
    end if;
    if new.state <> old.state and not exists (
        select from app.defect_move m
        where m.was = old.state and m.becomes = new.state and case m.hand when 'RAISER' then raiser else supplier end
        and (not m.minor or old.severity in ('S3', 'S4'))
    ) then
        raise exception 'a defect does not go from % to % by %', old.state, new.state, app.tenant()
            using errcode = 'check_violation';
    end if;
    if (new.severity, new.clinical_safety) is distinct from (old.severity, old.clinical_safety)
       and not (raiser and old.state in ('NEW', 'TRIAGED') and new.state = old.state) then
        raise exception 'a defect is graded by its raiser, until it is decided about' using errcode = 'check_violation';
    end if;
    if new.raiser_note is distinct from old.raiser_note and not raiser then
        raise exception 'a note of the raiser is the raiser''s' using errcode = 'check_violation';
    end if;
    if (new.triage_note, new.workaround, new.duplicate_id, new.fixed_in_id, new.deferred_until) is distinct from
       (old.triage_note, old.workaround, old.duplicate_id, old.fixed_in_id, old.deferred_until) and not supplier then
        raise exception 'the answer to a defect is the supplier''s' using errcode = 'check_violation';
    end if;
    if new.fixed_in_id is distinct from old.fixed_in_id
       and not app.is_of_product(new.supplier_ods, new.product_id, new.fixed_in_id) then
        raise exception 'a defect is fixed in a build of its product' using errcode = 'check_violation';
    end if;
    new.closed_at := case when new.state = 'CLOSED' then app.now() end;
    return app.settle_workaround(old, new);
end
$$;

-- A workaround is agreed by the supplier; a person of the trust accepts it, as it reads then. Another one is accepted
-- anew.
create function app.settle_workaround(was defect, becomes defect) returns defect language plpgsql as $$
begin
    if becomes.workaround is distinct from was.workaround then
        becomes.workaround_agreed_at := app.now();
        becomes.workaround_accepted_at := null;
        becomes.workaround_accepted_by := null;
        return becomes;
    end if;
    becomes.workaround_agreed_at := was.workaround_agreed_at;
    if (becomes.workaround_accepted_at, becomes.workaround_accepted_by)
       is not distinct from (was.workaround_accepted_at, was.workaround_accepted_by) then
        return becomes;
    end if;
    if was.trust_ods is distinct from app.tenant() or becomes.workaround_accepted_by is null then
        raise exception 'a workaround is accepted by the trust, for good' using errcode = 'check_violation';
    end if;
    becomes.workaround_accepted_at := app.now();
    becomes.workaround_accepted_by := current_setting('app.subject');
    return becomes;
end
$$;

create trigger begin before insert on defect for each row execute function app.raise_defect();
create trigger move before update on defect for each row when (pg_trigger_depth() = 0)
    execute function app.move_defect();
select app.protect('defect'), app.follow('defect', 'Defect', effective => 'closed_at');

create policy on_its_own_systems on defect as restrictive for insert to app_trust
    with check (trust_ods = (select app.tenant()));
create policy in_its_own_products on defect as restrictive for insert to app_supplier
    with check (supplier_ods = (select app.tenant()) and trust_ods is null);
create policy answer on defect for update to app_supplier using (supplier_ods = (select app.tenant()));

grant select on defect to app_assurer, app_auditor, app_icb, app_national, app_region, app_supplier, app_trust;
grant insert on defect to app_supplier, app_trust;
grant update (state, severity, clinical_safety, raiser_note, workaround_accepted_at, workaround_accepted_by, closed_at,
    close_reason, version) on defect to app_trust;
grant update (state, severity, clinical_safety, raiser_note, triage_note, workaround, workaround_agreed_at,
    workaround_accepted_at, workaround_accepted_by, duplicate_ods, duplicate_id, fixed_in_id, deferred_until, closed_at,
    close_reason, version) on defect to app_supplier;
select app.remember('defect', 'Defect');

create table known_issue (
    tenant_ods varchar(10) not null references organisation,
    id uuid not null,
    version integer not null,
    created_at timestamptz not null,
    created_by varchar(120) not null,
    title varchar(200) not null,
    severity defectseverity not null,
    workaround varchar(2000),
    product_id uuid not null,
    first_build_id uuid not null,
    fixed_in_id uuid,
    defect_id uuid,
    published_at timestamptz not null,
    resolved_at timestamptz check (resolved_at >= published_at),
    sightings integer check (sightings >= 3),
    primary key (tenant_ods, id),
    foreign key (tenant_ods, product_id) references product (tenant_ods, id),
    foreign key (tenant_ods, first_build_id) references build (tenant_ods, id),
    foreign key (tenant_ods, fixed_in_id) references build (tenant_ods, id),
    foreign key (tenant_ods, defect_id) references defect (tenant_ods, id)
);
create index on known_issue (id);
create index on known_issue (product_id, id);
create index on known_issue (first_build_id, id);

create table known_issue_sighting (
    tenant_ods varchar(10) not null,
    id uuid not null,
    version integer not null,
    created_at timestamptz not null,
    created_by varchar(120) not null,
    seen_on date not null,
    supplier_ods varchar(10) not null,
    known_issue_id uuid not null,
    system_id uuid not null,
    region_ods varchar(10),
    primary key (tenant_ods, id),
    unique (tenant_ods, system_id, known_issue_id),
    foreign key (supplier_ods, known_issue_id) references known_issue (tenant_ods, id),
    foreign key (tenant_ods, system_id) references system (tenant_ods, id),
    foreign key (tenant_ods, region_ods) references organisation (ods_code, region_ods) on update cascade
);
create index on known_issue_sighting (id);
create index on known_issue_sighting (known_issue_id, id);
create index on known_issue_sighting (system_id, id);
create index on known_issue_sighting (region_ods, id);

-- How many trusts see an issue. No caller reads it: below three it would tell one trust of another. A sighting counts
-- itself, and while it does, it sees the row it counts in.
create table known_issue_count (
    tenant_ods varchar(10) not null,
    known_issue_id uuid not null,
    trusts integer not null check (trusts >= 0),
    primary key (tenant_ods, known_issue_id),
    foreign key (tenant_ods, known_issue_id) references known_issue (tenant_ods, id)
);
alter table known_issue_count enable row level security;
alter table known_issue_count force row level security;
create policy write_supplier on known_issue_count for insert to app_supplier
    with check (tenant_ods = (select app.tenant()));
create policy by_publishing on known_issue_count as restrictive for insert to app_supplier
    with check (pg_trigger_depth() > 0 and trusts = 0);
create policy while_counting on known_issue_count for select to app_trust using (pg_trigger_depth() > 0);
create policy counted on known_issue_count for update to app_trust using (pg_trigger_depth() > 0);
grant insert on known_issue_count to app_supplier;
grant select, update (trusts) on known_issue_count to app_trust;

create function app.publish_issue() returns trigger language plpgsql as $$
begin
    if num_nonnulls(new.resolved_at, new.sightings) > 0 then
        raise exception 'a known issue begins unresolved and unseen' using errcode = 'check_violation';
    end if;
    if not app.is_of_product(new.tenant_ods, new.product_id, new.first_build_id)
       or new.fixed_in_id is not null and not app.is_of_product(new.tenant_ods, new.product_id, new.fixed_in_id) then
        raise exception 'a known issue is of builds of its product' using errcode = 'check_violation';
    end if;
    new.published_at := app.now();
    return new;
end
$$;

create function app.begin_count() returns trigger language plpgsql as $$
begin
    insert into known_issue_count (tenant_ods, known_issue_id, trusts) values (new.tenant_ods, new.id, 0);
    return null;
end
$$;

-- A known issue is resolved once. How many see it is counted by sightings alone.
create function app.change_issue() returns trigger language plpgsql as $$
begin
    if new.sightings is distinct from old.sightings and pg_trigger_depth() < 2 then
        raise exception 'sightings are counted, not stated' using errcode = 'insufficient_privilege';
    end if;
    if (new.resolved_at, new.fixed_in_id) is not distinct from (old.resolved_at, old.fixed_in_id) then
        return new;
    end if;
    if old.resolved_at is not null or new.resolved_at is null then
        raise exception 'a known issue changes by being resolved, once' using errcode = 'check_violation';
    end if;
    if new.fixed_in_id is not null and not app.is_of_product(new.tenant_ods, new.product_id, new.fixed_in_id) then
        raise exception 'a known issue is fixed in a build of its product' using errcode = 'check_violation';
    end if;
    new.resolved_at := app.now();
    return new;
end
$$;

-- Of a system of the issue's product; a trust counts once, however many systems of its show it.
create function app.count_sighting() returns trigger language plpgsql as $$
declare
    seen integer;
begin
    if not exists (
        select from system s join known_issue i on i.tenant_ods = new.supplier_ods and i.id = new.known_issue_id
        where s.tenant_ods = new.tenant_ods and s.id = new.system_id
        and s.supplier_ods = i.tenant_ods and s.product_id = i.product_id
    ) then
        raise exception 'an issue is seen on a system of its product' using errcode = 'check_violation';
    end if;
    perform from known_issue_count c
        where c.tenant_ods = new.supplier_ods and c.known_issue_id = new.known_issue_id for update;
    if exists (
        select from known_issue_sighting s where s.tenant_ods = new.tenant_ods
        and s.known_issue_id = new.known_issue_id and s.id <> new.id
    ) then
        return null;
    end if;
    update known_issue_count c set trusts = c.trusts + 1
        where c.tenant_ods = new.supplier_ods and c.known_issue_id = new.known_issue_id returning c.trusts into seen;
    if seen >= 3 then
        update known_issue i set sightings = seen where i.tenant_ods = new.supplier_ods and i.id = new.known_issue_id;
    end if;
    return null;
end
$$;

create trigger publish before insert on known_issue for each row execute function app.publish_issue();
create trigger begin_count after insert on known_issue for each row execute function app.begin_count();
create trigger change before update on known_issue for each row execute function app.change_issue();
create trigger count_sighting after insert on known_issue_sighting for each row execute function app.count_sighting();
select app.protect('known_issue'),
    app.follow('known_issue', 'KnownIssue', 'PUBLISHED', 'resolved_at', unrecorded => 'sightings');
select app.protect('known_issue_sighting'), app.follow('known_issue_sighting', 'KnownIssueSighting');
create policy published on known_issue for select to app_assurer, app_icb, app_region, app_supplier, app_trust
    using (true);
create policy counted on known_issue for update to app_trust using (pg_trigger_depth() > 0);

grant select on known_issue, known_issue_sighting
    to app_assurer, app_auditor, app_icb, app_national, app_region, app_supplier, app_trust;
grant insert on known_issue to app_supplier;
grant update (fixed_in_id, resolved_at, version) on known_issue to app_supplier;
grant update (sightings) on known_issue to app_trust;
grant insert on known_issue_sighting to app_trust;
select app.remember('known_issue', 'KnownIssue'), app.remember('known_issue_sighting', 'KnownIssueSighting');

-- Holds that a defect proposes: a person confirms or dismisses one; until it is confirmed it stops nothing. The new
-- words are compared as text here: PostgreSQL lets nobody use them in the transaction that adds them.
alter type holdstate add value 'PROPOSED' before 'PLACED';
alter type holdstate add value 'DISMISSED';

alter table hold
    add column confirmed_at timestamptz,
    add column confirmer_ods varchar(10) references organisation,
    add column confirmer varchar(120),
    drop constraint a_release_is_whole,
    add constraint a_release_is_whole check (
        num_nonnulls(released_at, releaser_ods, releaser, release_reason)
            = case when state::text in ('RELEASED', 'DISMISSED') then 4 else 0 end
    ),
    add constraint a_confirmation_is_whole check (
        num_nonnulls(confirmed_at, confirmer_ods, confirmer) in (0, 3)
        and (confirmed_at is null or state::text in ('PLACED', 'RELEASED'))
    );

-- As in 0014; a trust's may begin proposed, because of a defect on its system.
create or replace function app.place_hold() returns trigger language plpgsql as $$
begin
    new.tier := (select o.kind from organisation o where o.ods_code = new.tenant_ods);
    if new.state <> 'PLACED' and (new.state, new.tier, new.scope, new.reason_code)
       is distinct from ('PROPOSED'::holdstate, 'TRUST'::organisationkind, 'SYSTEM'::holdscope, 'DEFECT'::holdreason) then
        raise exception 'a hold begins placed, or proposed by a defect' using errcode = 'check_violation';
    end if;
    if new.confirmed_at is not null then
        raise exception 'a hold does not begin confirmed' using errcode = 'check_violation';
    end if;
    new.placed_at := app.now();
    return new;
end
$$;

-- As in 0014, with the confirmation of one that is proposed, and its dismissal, told as a release is.
create or replace function app.release_hold() returns trigger language plpgsql as $$
begin
    if old.state in ('RELEASED', 'DISMISSED') then
        raise exception 'a % hold never changes', lower(old.state::text) using errcode = 'check_violation';
    end if;
    if (old.state, new.state) not in (('PLACED', 'RELEASED'), ('PROPOSED', 'PLACED'), ('PROPOSED', 'DISMISSED')) then
        raise exception 'a hold changes by its confirmation, dismissal or release alone'
            using errcode = 'check_violation';
    end if;
    new.confirmed_at := old.confirmed_at;
    new.confirmer_ods := old.confirmer_ods;
    new.confirmer := old.confirmer;
    if new.state = 'PLACED' then
        new.confirmed_at := app.now();
        new.confirmer_ods := app.tenant();
        new.confirmer := current_setting('app.subject');
        return new;
    end if;
    new.released_at := app.now();
    new.releaser_ods := app.tenant();
    new.releaser := current_setting('app.subject');
    return new;
end
$$;

drop trigger record on hold;
drop trigger record_change on hold;
create trigger record after insert on hold for each row when (pg_trigger_depth() = 0)
    execute function app.record('Hold', 'PRIVATE', 'released_at,confirmed_at,effective_from');
create trigger record_change after update on hold for each row when (pg_trigger_depth() = 0)
    execute function app.record('Hold', 'PRIVATE', 'released_at,confirmed_at,effective_from');

grant update (confirmed_at, confirmer_ods, confirmer) on hold
    to app_assurer, app_national, app_region, app_supplier, app_trust;
select app.remember('hold', 'Hold');

revoke execute on function app.defect_is_open, app.raise_defect, app.is_of_product, app.move_defect,
    app.settle_workaround, app.publish_issue, app.begin_count, app.change_issue, app.count_sighting from public;
grant execute on function app.defect_is_open, app.raise_defect, app.is_of_product, app.move_defect,
    app.settle_workaround, app.publish_issue, app.begin_count, app.change_issue, app.count_sighting
    to app_assurer, app_auditor, app_icb, app_national, app_region, app_supplier, app_trust;
grant select on app.defect_move to app_supplier, app_trust;
