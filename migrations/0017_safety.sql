-- Clinical safety: the sign-off of a build (DCB0129, its supplier) and of its use in a trust's system (DCB0160).

create type safetystandard as enum ('DCB0129', 'DCB0160');
create type signoffstate as enum ('DRAFT', 'SUBMITTED', 'SIGNED', 'DECLINED', 'WITHDRAWN');

-- Its supplier, a trust's region and the national team read how far a trust's sign-off has come; what it found is in
-- hazard_summary, which they do not read.
create table safety_sign_off (
    tenant_ods varchar(10) not null references organisation,
    id uuid not null,
    version integer not null,
    created_at timestamptz not null,
    created_by varchar(120) not null,
    standard safetystandard not null,
    supplier_ods varchar(10) not null,
    product_id uuid not null,
    build_id uuid not null,
    trust_ods varchar(10) check (trust_ods = tenant_ods),
    system_id uuid,
    region_ods varchar(10),
    audience audience not null,
    state signoffstate not null,
    submitted_at timestamptz,
    signer varchar(120) check (signer ~ '^[a-z0-9][a-z0-9._-]{1,39}@[A-Z0-9]{3,10}$'),
    signed_at timestamptz,
    next_review_on date,
    withdrawn_at timestamptz,
    primary key (tenant_ods, id),
    foreign key (supplier_ods, product_id) references product (tenant_ods, id),
    foreign key (supplier_ods, build_id) references build (tenant_ods, id),
    foreign key (trust_ods, system_id) references system (tenant_ods, id),
    foreign key (trust_ods, region_ods) references organisation (ods_code, region_ods) on update cascade,
    constraint a_standard_is_its_owners check (
        case standard
            when 'DCB0129' then tenant_ods = supplier_ods and num_nonnulls(trust_ods, system_id) = 0
                and audience = 'PUBLISHED'
            when 'DCB0160' then num_nulls(trust_ods, system_id) = 0 and audience = 'PRIVATE'
        end
    ),
    constraint its_times_follow_its_state check (
        (submitted_at is null) = (state = 'DRAFT')
        and num_nonnulls(signer, signed_at) = case when state in ('DRAFT', 'SUBMITTED') then 0 else 2 end
        and (withdrawn_at is not null) = (state = 'WITHDRAWN')
        and (next_review_on is null or state in ('SIGNED', 'WITHDRAWN'))
    )
);
create unique index one_sign_off_in_progress
    on safety_sign_off (tenant_ods, build_id, coalesce(system_id, build_id)) where state in ('DRAFT', 'SUBMITTED');
create index on safety_sign_off (id);
create index on safety_sign_off (region_ods, id);
create index on safety_sign_off (build_id, id);
create index on safety_sign_off (system_id, signed_at desc, id desc) where system_id is not null;
create index on safety_sign_off (product_id, signed_at desc, id desc) where system_id is null;

create table hazard_summary (
    tenant_ods varchar(10) not null,
    id uuid not null,
    version integer not null,
    created_at timestamptz not null,
    created_by varchar(120) not null,
    report_ref varchar(120) not null check (length(report_ref) >= 2),
    report_version varchar(40) not null check (report_version <> ''),
    level_1 integer not null check (level_1 >= 0),
    level_2 integer not null check (level_2 >= 0),
    level_3 integer not null check (level_3 >= 0),
    level_4 integer not null check (level_4 >= 0),
    level_5 integer not null check (level_5 >= 0),
    level_3_justified integer not null check (level_3_justified between 0 and level_3),
    transferred_total integer not null check (transferred_total >= 0),
    transferred_accepted integer not null check (transferred_accepted between 0 and transferred_total),
    sign_off_id uuid not null,
    audience audience not null,
    decision_reason varchar(2000) check (length(decision_reason) >= 2),
    primary key (tenant_ods, id),
    unique (tenant_ods, sign_off_id),
    foreign key (tenant_ods, sign_off_id) references safety_sign_off (tenant_ods, id),
    constraint a_supplier_hands_over_and_accepts_nothing check (audience = 'PRIVATE' or transferred_accepted = 0)
);
create index on hazard_summary (id);
create index on hazard_summary (sign_off_id, id);

-- Whether a day is not over in London at the moment of the answer; no day never is.
create function app.not_past(day date) returns boolean language sql stable parallel safe
    return coalesce((day + 1)::timestamp at time zone 'Europe/London' > app.as_of(), true);

-- The sign-off that stands for a product (DCB0129) or for a system (DCB0160): the latest decided of those on the builds
-- on which results count, where it is signed and its review day is not past. Null: none stands.
-- The tables are named without their schema: over the schema `known` it tells what stood then (0006).
create function app.signed_dcb0129(supplier text, product_ uuid) returns uuid language sql stable parallel safe as $$
    select case when s.state = 'SIGNED' and app.not_past(s.next_review_on) then s.id end from product p
    join build latest on latest.tenant_ods = p.tenant_ods and latest.id = p.current_build_id
    join safety_sign_off s on s.supplier_ods = p.tenant_ods and s.product_id = p.id
    join build b on b.tenant_ods = s.supplier_ods and b.id = s.build_id
    where p.tenant_ods = supplier and p.id = product_ and b.number >= latest.results_count_from
    and s.system_id is null and s.signed_at is not null
    order by s.signed_at desc, s.id desc
    limit 1
$$;
create function app.signed_dcb0160(trust text, system_ uuid) returns uuid language sql stable parallel safe as $$
    select case when s.state = 'SIGNED' and app.not_past(s.next_review_on) then s.id end from safety_sign_off s
    join build b on b.tenant_ods = s.supplier_ods and b.id = s.build_id
    join product p on p.tenant_ods = b.tenant_ods and p.id = b.product_id
    join build latest on latest.tenant_ods = p.tenant_ods and latest.id = p.current_build_id
    where s.trust_ods = trust and s.system_id = system_ and b.number >= latest.results_count_from
    and s.signed_at is not null
    order by s.signed_at desc, s.id desc
    limit 1
$$;

-- What stands in the way of signing (domain model, B.2), by name; the rule tells it, the trigger refuses it.
create function app.bars_signing(whose text, which uuid) returns text[] language sql stable parallel safe as $$
    select array_remove(array[
        case when b.number < latest.results_count_from then 'BUILD_SUPERSEDED' end,
        case when h.level_4 + h.level_5 > 0 then 'HAZARDS_UNACCEPTABLE' end,
        case when h.level_3_justified < h.level_3 then 'HAZARDS_UNJUSTIFIED' end,
        case when s.standard = 'DCB0160' and base.id is null then 'DCB0129_NOT_SIGNED' end,
        case when s.standard = 'DCB0160' and base.transferred_total <> h.transferred_total
            then 'TRANSFERRED_NOT_CARRIED_OVER' end,
        case when s.standard = 'DCB0160' and h.transferred_accepted < h.transferred_total
            then 'TRANSFERRED_NOT_ACCEPTED' end
    ], null)
    from safety_sign_off s
    join hazard_summary h on h.tenant_ods = s.tenant_ods and h.sign_off_id = s.id
    join product p on p.tenant_ods = s.supplier_ods and p.id = s.product_id
    join build b on b.tenant_ods = s.supplier_ods and b.id = s.build_id
    join build latest on latest.tenant_ods = p.tenant_ods and latest.id = p.current_build_id
    left join hazard_summary base
        on base.tenant_ods = p.tenant_ods and base.sign_off_id = app.signed_dcb0129(p.tenant_ods, p.id)
    where s.tenant_ods = whose and s.id = which
$$;

-- It begins as a draft, of a build of the product, and a trust's of its own system of that product.
create function app.begin_sign_off() returns trigger language plpgsql as $$
begin
    if new.state <> 'DRAFT' then
        raise exception 'a sign-off begins as a draft' using errcode = 'check_violation';
    end if;
    if not exists (
        select from build b
        where b.tenant_ods = new.supplier_ods and b.id = new.build_id and b.product_id = new.product_id
    ) then
        raise exception 'the build is not one of the product' using errcode = 'check_violation';
    end if;
    if new.system_id is not null and not exists (
        select from system s
        where s.tenant_ods = new.trust_ods and s.id = new.system_id
        and s.supplier_ods = new.supplier_ods and s.product_id = new.product_id
    ) then
        raise exception 'the system is not one of the product' using errcode = 'check_violation';
    end if;
    return new;
end
$$;

-- How it moves (domain model, B.2), who decides of it and when: whatever the writer says.
create function app.move_sign_off() returns trigger language plpgsql as $$
declare
    move text := format('%s to %s', old.state, new.state);
begin
    if move not in ('DRAFT to SUBMITTED', 'SUBMITTED to SIGNED', 'SUBMITTED to DECLINED', 'SIGNED to WITHDRAWN') then
        raise exception 'a sign-off does not go from %', move using errcode = 'check_violation';
    end if;
    if new.state = 'SUBMITTED' then
        if not exists (select from hazard_summary h where h.tenant_ods = new.tenant_ods and h.sign_off_id = new.id) then
            raise exception 'a sign-off is submitted with its hazards' using errcode = 'check_violation';
        end if;
        new.submitted_at := app.now();
    else
        perform app.decide_sign_off(new);
        new.submitted_at := old.submitted_at;
    end if;
    new.signer := case when new.state in ('SIGNED', 'DECLINED') then current_setting('app.subject') else old.signer end;
    new.signed_at := case when new.state in ('SIGNED', 'DECLINED') then app.now() else old.signed_at end;
    new.next_review_on := case when new.state = 'SIGNED' then new.next_review_on else old.next_review_on end;
    new.withdrawn_at := case when new.state = 'WITHDRAWN' then app.now() end;
    return new;
end
$$;

-- Refuses a decision that may not be: by no person, without its reason, with something in the way, or by the account
-- that tested what it would sign (separation of duties).
create function app.decide_sign_off(decided safety_sign_off) returns void language plpgsql as $$
declare
    reasoned boolean := exists (
        select from hazard_summary h
        where h.tenant_ods = decided.tenant_ods and h.sign_off_id = decided.id and h.decision_reason is not null
    );
    bars text[];
begin
    if not app.by_a_person() then
        raise exception 'a person decides of a sign-off' using errcode = 'check_violation';
    end if;
    if reasoned <> (decided.state <> 'SIGNED') then
        raise exception 'a sign-off is declined or withdrawn with a reason, and signed without' using errcode = 'check_violation';
    end if;
    if decided.state = 'SIGNED' then
        bars := app.bars_signing(decided.tenant_ods, decided.id);
        if bars is distinct from '{}' then
            raise exception 'in the way of signing: %', bars using errcode = 'check_violation';
        end if;
        if app.tested_it(decided.trust_ods, decided.system_id) then
            raise exception 'whoever tested a system does not sign for it' using errcode = 'check_violation';
        end if;
    end if;
end
$$;

-- Whether the account that acts filed a test report of a trust's system (domain model, B.4, 4).
create function app.tested_it(trust text, system_ uuid) returns boolean language sql stable parallel safe
    return exists (
        select from test_report r where r.tenant_ods = trust and r.system_id = system_
        and r.created_by = current_setting('app.subject', true)
    );

-- What hazards there are is said while the sign-off is a draft; why it was declined or withdrawn, once, when it is.
create function app.state_hazards() returns trigger language plpgsql as $$
declare
    about safety_sign_off;
begin
    select * into about from safety_sign_off s where s.tenant_ods = new.tenant_ods and s.id = new.sign_off_id;
    if tg_op = 'UPDATE' and new.decision_reason is distinct from old.decision_reason then
        if old.decision_reason is not null or about.state not in ('SUBMITTED', 'SIGNED') then
            raise exception 'a reason is given once, for declining or withdrawing' using errcode = 'check_violation';
        end if;
        if to_jsonb(old) - '{version,decision_reason}'::text[] <> to_jsonb(new) - '{version,decision_reason}'::text[] then
            raise exception 'hazards do not change with a decision' using errcode = 'check_violation';
        end if;
    elsif about.state is distinct from 'DRAFT' or new.decision_reason is not null then
        raise exception 'hazards are stated while the sign-off is a draft' using errcode = 'check_violation';
    end if;
    new.audience := about.audience;
    return new;
end
$$;

create trigger begin before insert on safety_sign_off for each row execute function app.begin_sign_off();
create trigger move before update on safety_sign_off for each row when (pg_trigger_depth() = 0)
    execute function app.move_sign_off();
create trigger state_hazards before insert or update on hazard_summary for each row
    execute function app.state_hazards();
select app.protect('safety_sign_off'), app.follow('safety_sign_off', 'SafetySignOff');
select app.protect('hazard_summary'), app.follow('hazard_summary', 'HazardSummary');

-- Which standard is whose.
create policy of_its_builds on safety_sign_off as restrictive for insert to app_supplier with check (standard = 'DCB0129');
create policy of_its_systems on safety_sign_off as restrictive for insert to app_trust with check (standard = 'DCB0160');

-- A trust's hazards are its own and the auditor's: not even the national team reads them, nor what the ledger has of them.
drop policy read_all on hazard_summary;
create policy read_all on hazard_summary for select to app_auditor using (true);
create policy read_published on hazard_summary for select to app_national using (audience = 'PUBLISHED');
create policy not_their_hazards on event as restrictive for select to app_national
    using (object_type <> 'HazardSummary' or audience = 'PUBLISHED');

grant select on safety_sign_off, hazard_summary
    to app_assurer, app_auditor, app_icb, app_national, app_region, app_supplier, app_trust;
grant insert on safety_sign_off, hazard_summary to app_supplier, app_trust;
grant update (state, submitted_at, signer, signed_at, next_review_on, withdrawn_at, version) on safety_sign_off
    to app_supplier, app_trust;
grant update (report_ref, report_version, level_1, level_2, level_3, level_4, level_5, level_3_justified,
              transferred_total, transferred_accepted, decision_reason, version) on hazard_summary
    to app_supplier, app_trust;
select app.remember('safety_sign_off', 'SafetySignOff'), app.remember('hazard_summary', 'HazardSummary');

revoke execute on function app.not_past, app.signed_dcb0129, app.signed_dcb0160, app.bars_signing, app.begin_sign_off,
    app.move_sign_off, app.decide_sign_off, app.tested_it, app.state_hazards from public;
grant execute on function app.not_past, app.signed_dcb0129, app.signed_dcb0160, app.bars_signing, app.begin_sign_off,
    app.move_sign_off, app.decide_sign_off, app.tested_it, app.state_hazards
    to app_assurer, app_auditor, app_icb, app_national, app_region, app_supplier, app_trust;
