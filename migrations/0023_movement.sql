-- Movement of systems: which state follows which, by whose hand and under which conditions; and disputes about it.

alter table system
    add column rolled_back_at timestamptz,
    add column recovered_declared_at timestamptz,
    add column archive_arrangement varchar(2000) check (length(archive_arrangement) >= 2);

-- Who moves a system from which state to which (domain model, B.2); the same table is in
-- trusts/moving/movement.py.
create function app.may_move(was systemstate, becomes systemstate, who text)
returns boolean language sql immutable parallel safe as $$
    select (was::text, becomes::text, who) in (
        ('OPERATIONAL', 'OUTAGE', 'TRUST'),
        ('OUTAGE', 'ISOLATED', 'TRUST'),
        ('OUTAGE', 'REBUILDING', 'SUPPLIER'),
        ('ISOLATED', 'REBUILDING', 'SUPPLIER'),
        ('REBUILDING', 'AWAITING_HANDOVER', 'SUPPLIER'),
        ('AWAITING_HANDOVER', 'HANDED_OVER', 'SUPPLIER'),
        ('HANDED_OVER', 'IN_TRUST_TEST', 'TRUST'),
        ('IN_TRUST_TEST', 'READY', 'TRUST'),
        ('READY', 'IN_TRUST_TEST', 'SUPPLIER'), -- a new build
        ('READY', 'APPROVED', 'TRUST'),
        ('APPROVED', 'IN_TRUST_TEST', 'SUPPLIER'), -- a new build
        ('APPROVED', 'REINSTATING', 'TRUST'),
        ('REINSTATING', 'LIVE', 'TRUST'),
        ('REINSTATING', 'ROLLED_BACK', 'TRUST'),
        ('LIVE', 'ROLLED_BACK', 'TRUST'),
        ('LIVE', 'RECOVERED', 'REGION'),
        ('ROLLED_BACK', 'IN_TRUST_TEST', 'TRUST'),
        ('REPLACED', 'RETIRED', 'TRUST'),
        ('OPERATIONAL', 'RETIRED', 'TRUST')
    ) or (
        becomes = 'REPLACED' and who = 'TRUST'
        and was not in ('LIVE', 'RECOVERED', 'REPLACED', 'RETIRED')
    )
$$;

-- One thing in the way of a move: schema/problem.py, Obstacle. `noun` and `key` name the object it is about.
create type app.obstacle as (
    code text, what text, clears text, since timestamptz, next_step text, noun text, key uuid
);

-- The conditions of the moves. Each answers what is in the way, nothing where nothing is; the rules tell it to the
-- person who asks and the trigger below refuses by it. They see what their caller sees, which is what each move
-- relies on: the supplier its product and its assurances, the trust and its region what is the system's.

-- A build that results count on: of the product's builds, those from the one of its last safety-relevant change.
create function app.counting_builds(whose text, which uuid) returns setof build language sql stable as $$
    select c.* from system s
    join product p on p.tenant_ods = s.supplier_ods and p.id = s.product_id
    join build b on b.tenant_ods = p.tenant_ods and b.id = p.current_build_id
    join build c on c.tenant_ods = b.tenant_ods and c.product_id = b.product_id and c.number >= b.results_count_from
    where s.tenant_ods = whose and s.id = which
$$;

create function app.guard_build(whose text, which uuid) returns setof app.obstacle language sql stable as $$
    select 'BUILD', 'The product has no build yet.', 'SUPPLIER_LEAD ' || s.supplier_ods, s.created_at,
        'Register a build.', 'Product', s.product_id
    from system s
    where s.tenant_ods = whose and s.id = which and not exists (select from app.counting_builds(whose, which))
$$;

-- Its clinical safety is signed by the supplier on a build that counts.
create function app.guard_dcb0129(whose text, which uuid) returns setof app.obstacle language sql stable as $$
    select 'DCB0129', 'No DCB0129 is signed on a build that counts.', 'SUPPLIER_CSO ' || s.supplier_ods, b.built_at,
        'Sign the safety of the current build.', 'Product', s.product_id
    from system s
    left join product p on p.tenant_ods = s.supplier_ods and p.id = s.product_id
    left join build b on b.tenant_ods = p.tenant_ods and b.id = p.current_build_id
    where s.tenant_ods = whose and s.id = which and app.signed_dcb0129(s.supplier_ods, s.product_id) is null
$$;

-- Its security assurance that counts is approved, has not run out, and is of at least medium confidence.
create function app.guard_assurance(whose text, which uuid) returns setof app.obstacle language sql stable as $$
    select 'SECURITY_ASSURANCE',
        case
            when a.id is null then 'No security assurance was submitted for a build that counts.'
            when a.state <> 'APPROVED' then 'Its security assurance ' || a.reference || ' is ' || a.state || '.'
            when a.valid_until <= app.now() then 'Its security assurance ' || a.reference || ' has run out.'
            else 'Its security assurance ' || a.reference || ' is of low confidence.'
        end,
        case when a.state in ('SUBMITTED', 'UNDER_REVIEW') then 'ASSURER' else 'SUPPLIER_LEAD ' || s.supplier_ods end,
        case when a.state = 'APPROVED' and a.valid_until <= app.now() then a.valid_until
             else coalesce(a.decided_at, a.submitted_at) end,
        case when a.state in ('SUBMITTED', 'UNDER_REVIEW') then 'The assurer decides of it.'
             else 'Submit evidence for the current build; the assurer decides of it.' end,
        case when a.id is null then 'Product' else 'SecurityAssurance' end, coalesce(a.id, s.product_id)
    from system s
    left join security_assurance a
        on a.tenant_ods = s.supplier_ods and a.id = app.assurance_that_counts(s.supplier_ods, s.product_id)
    where s.tenant_ods = whose and s.id = which
    and not coalesce(a.state = 'APPROVED' and a.valid_until > app.now() and a.confidence in ('MEDIUM', 'HIGH'), false)
$$;

-- Holds in force over it: on itself, its wave or an earlier one, its product, that one's current build, its incident.
create function app.guard_holds(whose text, which uuid) returns setof app.obstacle language sql stable as $$
    select h.reason_code::text, 'The ' || lower(h.scope::text) || ' is held: ' || h.reason,
        h.tenant_ods || ', or a higher tier', h.effective_from, 'Ask who can release the hold.', 'Hold', h.id
    from app.holds_over(whose, which) h
$$;

-- Those on the system itself: what stops a system that was rolled back.
create function app.guard_own_holds(whose text, which uuid) returns setof app.obstacle language sql stable as $$
    select g.* from app.guard_holds(whose, which) g
    join hold h on h.id = g.key and h.trust_ods = whose and h.system_id = which
$$;

-- Mandatory test stages whose latest standing result on a build that counts is not "done" (as app.figures counts).
create function app.guard_tests(whose text, which uuid) returns setof app.obstacle language sql stable as $$
    select 'TEST_' || stage.kind, stage.title || case
            when latest.id is null then ': not reported on a build that counts.'
            else ': its exit criteria are not met.'
        end,
        'TRUST_IT ' || whose, latest.reported_at, 'Report a result of this stage, its exit criteria met.',
        case when latest.id is not null then 'TestReport' end, latest.id
    from test_milestone stage
    left join lateral (
        select r.id, r.exit_met, r.reported_at from test_report r
        where r.tenant_ods = whose and r.system_id = which and r.stage = stage.position
        and r.build_id in (select id from app.counting_builds(whose, which))
        and coalesce((select false from test_report c where c.tenant_ods = whose and c.corrects_id = r.id), true)
        order by r.as_of desc, r.reported_at desc, r.id desc
        limit 1
    ) latest on true
    where stage.mandatory and latest.exit_met is not true
    order by stage.position
$$;

-- Open defects of severity 1 and 2, found on this system; `tolerated`: not those of severity 2 whose workaround the
-- trust's clinical safety officer accepted.
create function app.guard_defects(whose text, which uuid, tolerated boolean) returns setof app.obstacle
language sql stable as $$
    select 'DEFECT_' || d.severity, d.reference || ' is open: ' || d.title,
        case when d.severity = 'S2' and tolerated and d.workaround is not null then 'TRUST_CSO ' || whose
             when d.state in ('FIX_READY', 'RETEST', 'REJECTED', 'DUPLICATE') then 'TRUST_IT ' || whose
             else 'SUPPLIER_LEAD ' || d.supplier_ods end,
        d.raised_at,
        case when d.severity = 'S2' and tolerated
            then 'Close it, or accept the workaround that the supplier agrees.' else 'Have it fixed, retest and close it.' end,
        'Defect', d.id
    from defect d
    where d.trust_ods = whose and d.system_id = which and d.severity in ('S1', 'S2')
    and app.defect_is_open(d.severity, d.state)
    and not (tolerated and d.severity = 'S2' and d.workaround_accepted_at is not null)
    order by d.severity, d.raised_at, d.id
$$;

-- It is an approved member of a wave that is open.
create function app.guard_wave(whose text, which uuid) returns setof app.obstacle language sql stable as $$
    select 'WAVE',
        case when w.id is null then 'It is no approved member of a wave.'
             else 'Its wave ' || w.number || ' is ' || w.state || '.' end,
        case when w.id is null then 'SUPPLIER_LEAD ' || s.supplier_ods || ', NATIONAL_IMT' else 'NATIONAL_IMT' end,
        coalesce(w.approved_at, w.proposed_at),
        case when w.id is null then 'The supplier proposes it for a wave, the national team approves it.'
             else 'The national team opens the wave.' end,
        case when w.id is not null then 'Wave' end, w.id
    from system s
    left join wave_member m on m.tenant_ods = s.supplier_ods and m.trust_ods = s.tenant_ods and m.system_id = s.id
        and m.state = 'APPROVED'
    left join wave w on w.tenant_ods = m.tenant_ods and w.id = m.wave_id
    where s.tenant_ods = whose and s.id = which and w.state is distinct from 'OPEN'
$$;

-- Its slot is confirmed and has begun.
create function app.guard_slot(whose text, which uuid) returns setof app.obstacle language sql stable as $$
    select 'SLOT',
        case when r.id is null then 'It has no slot.'
             when r.state = 'REQUESTED' then 'Its slot is not confirmed.'
             when r.is_over then 'Its slot is over.'
             else 'Its slot begins later.' end,
        case when r.state = 'REQUESTED' then 'SUPPLIER_LEAD ' || s.supplier_ods else 'TRUST_IT ' || whose end,
        r.requested_at,
        case when r.id is null then 'Request a slot.'
             when r.state = 'REQUESTED' then 'The supplier confirms it.'
             when r.is_over then 'Hand it back, and request another.'
             else 'Wait for ' || to_char(r.starts_at at time zone 'Europe/London', 'YYYY-MM-DD HH24:MI')
                 || ' (London), or ask for another.' end,
        case when r.id is not null then 'ReinstatementSlot' end, r.id
    from system s
    left join lateral (
        select t.id, t.state, t.requested_at, t.starts_at, app.over_at(t.ends_at) <= app.now() as is_over
        from reinstatement_slot t
        where t.tenant_ods = s.tenant_ods and t.system_id = s.id and t.state in ('REQUESTED', 'CONFIRMED')
    ) r on true
    where s.tenant_ods = whose and s.id = which
    and (r.state is distinct from 'CONFIRMED' or r.starts_at > app.now() or r.is_over)
$$;

-- The mandatory gates of its incident that are shut (0022); which it says for a person is in trusts/standing.py.
create function app.guard_gates(whose text, which uuid) returns setof app.obstacle language sql stable as $$
    select c.code, c.what, c.clears, c.since, 'Have the gate cleared.', 'Gate', c.gate_id from (
        select g.position, g.code, g.title || ': ' || g.detail as what,
            array_to_string(g.waits_for_roles, ' or ') as clears, g.since, g.gate_id
        from gate_standing g where g.tenant_ods = whose and g.system_id = which and g.shut
        union all
        select 0, m, 'The incident has no gate ' || m || '.', 'who opened the incident', null, null
        from app.missing_gates(whose, which) m
    ) c
    order by c.position, c.code
$$;

-- Records are back as far as the incident's policy asks: its gate, where it is mandatory.
create function app.guard_back_entry(whose text, which uuid) returns setof app.obstacle language sql stable as $$
    select g.* from app.guard_gates(whose, which) g where g.code = 'BACK_ENTRY'
$$;

-- The latest decision about it is GO, and was made after it was last accepted: or in this transaction, which may have
-- begun before the acceptance it waited for.
create function app.guard_decision(whose text, which uuid) returns setof app.obstacle language sql stable as $$
    select 'DECISION',
        case when d.id is null then 'Nothing was decided about it since it was accepted.'
             else 'It was decided: ' || d.outcome || '.' end,
        'TRUST_EXEC or TRUST_SIRO ' || whose, coalesce(d.decided_at, s.accepted_at), 'Decide GO.',
        case when d.id is not null then 'GoNoGoDecision' end, d.id
    from system s
    left join lateral (
        select l.id, l.outcome, l.decided_at from go_no_go_decision l
        where l.tenant_ods = s.tenant_ods and l.system_id = s.id
        and (l.decided_at >= coalesce(s.accepted_at, l.decided_at) or l.decided_at = app.now())
        order by l.id desc
        limit 1
    ) d on true
    where s.tenant_ods = whose and s.id = which and not coalesce(d.outcome in ('GO', 'GO_WITH_CONDITIONS'), false)
$$;

-- Whether a signature (DCB0160) or a GO of the account that acts stands for a system: whoever gave it files no test of
-- it (domain model, B.4, 4), as whoever filed one does not sign or decide. Machines do neither.
create function app.stands_by(whose text, which uuid) returns boolean language sql stable as $$
    select case when app.by_a_person() then exists (
        select from app.counting_builds(whose, which) b
        join safety_sign_off s on s.supplier_ods = b.tenant_ods and s.build_id = b.id
        where s.trust_ods = whose and s.system_id = which and s.state = 'SIGNED'
        and s.signer = current_setting('app.subject')
    ) or exists (
        select from app.counting_builds(whose, which) b
        join go_no_go_decision d on d.supplier_ods = b.tenant_ods and d.build_id = b.id
        where d.tenant_ods = whose and d.system_id = which and d.outcome in ('GO', 'GO_WITH_CONDITIONS')
        and d.decider = current_setting('app.subject')
    ) else false end
$$;
create function app.file_test() returns trigger language plpgsql as $$
begin
    if app.stands_by(new.tenant_ods, new.system_id) then
        raise exception 'whoever signed or decided for a system files no test of it' using errcode = 'check_violation';
    end if;
    return new;
end
$$;
create trigger file_test before insert on test_report for each row execute function app.file_test();

-- Every cohort is back on it, or excused.
create function app.guard_cohorts(whose text, which uuid) returns setof app.obstacle language sql stable as $$
    select 'COHORT_' || c.sequence, 'Cohort ' || c.sequence || ' (' || c.name || ') is neither live nor excused.',
        'TRUST_IT ' || whose, null::timestamptz, 'Bring it live, or excuse it with a reason.', 'Cohort', c.id
    from cohort c
    where c.tenant_ods = whose and c.system_id = which and c.state = 'PLANNED'
    order by c.sequence
$$;

-- A safety-relevant build that the results so far do not count on: what lets a supplier move a system back.
create function app.guard_superseded(whose text, which uuid) returns setof app.obstacle language sql stable as $$
    select 'BUILD', 'Results on its build still count.', 'SUPPLIER_LEAD ' || s.supplier_ods, null::timestamptz,
        'Only a safety-relevant build moves it back.', 'Build', s.current_build_id
    from system s
    where s.tenant_ods = whose and s.id = which
    and s.current_build_id in (select id from app.counting_builds(whose, which))
$$;

-- A roll-back is a stop besides.
create function app.guard_rollback(whose text, which uuid) returns setof app.obstacle language sql stable as $$
    select 'ROLLBACK', 'No hold was placed with the roll-back.', 'TRUST_IT ' || whose, null::timestamptz,
        'Place it in the same transaction.', null::text, null::uuid
    where not exists (
        select from hold h where h.trust_ods = whose and h.system_id = which and h.state = 'PLACED'
        and h.reason_code = 'ROLLBACK' and h.effective_from <= app.now()
    )
$$;

-- The trust's own arrangements for the incident are stood down, where it made a declaration.
create function app.guard_declaration(whose text, which uuid) returns setof app.obstacle language sql stable as $$
    select 'DECLARATION', 'Its own declaration is not stood down.', 'TRUST_EXEC ' || whose, d.declared_at,
        'Stand down the incident.', 'IncidentDeclaration', d.id
    from system s
    join incident_declaration d on d.tenant_ods = s.tenant_ods and d.incident_ods = s.incident_ods
        and d.incident_id = s.incident_id and d.stood_down_at is null
    where s.tenant_ods = whose and s.id = which
$$;

create function app.guard_recovery_declared(whose text, which uuid) returns setof app.obstacle language sql stable as $$
    select 'RECOVERY_DECLARED', 'The trust has not declared it recovered.', 'TRUST_EXEC or TRUST_SIRO ' || whose,
        s.fully_live_at, 'The trust declares it recovered first.', 'System', s.id
    from system s where s.tenant_ods = whose and s.id = which and s.recovered_declared_at is null
$$;

-- What is in the way of calling a system recovered.
create function app.before_recovered(whose text, which uuid) returns setof app.obstacle language sql stable as $$
    select * from app.guard_defects(whose, which, false)
    union all
    select * from app.guard_declaration(whose, which)
    union all
    select * from app.guard_back_entry(whose, which)
$$;

-- What is in the way of a move, in the order of the conditions of B.2.
create function app.in_the_way(whose text, which uuid, was systemstate, becomes systemstate)
returns setof app.obstacle language plpgsql stable as $$
begin
    if becomes = 'AWAITING_HANDOVER' then
        return query select * from app.guard_build(whose, which);
        return query select * from app.guard_dcb0129(whose, which);
    elsif becomes = 'HANDED_OVER' then
        return query select * from app.guard_build(whose, which);
        return query select * from app.guard_assurance(whose, which);
        return query select * from app.guard_holds(whose, which);
    elsif becomes = 'READY' then
        return query select * from app.guard_build(whose, which);
        return query select * from app.guard_tests(whose, which);
        return query select * from app.guard_defects(whose, which, true);
    elsif becomes = 'APPROVED' then
        return query select * from app.guard_gates(whose, which);
        return query select * from app.guard_decision(whose, which);
    elsif becomes = 'REINSTATING' then
        return query select * from app.guard_holds(whose, which);
        return query select * from app.guard_wave(whose, which);
        return query select * from app.guard_slot(whose, which);
        return query select * from app.guard_gates(whose, which);
    elsif becomes = 'LIVE' then
        return query select * from app.guard_cohorts(whose, which);
    elsif becomes = 'ROLLED_BACK' then
        return query select * from app.guard_rollback(whose, which);
    elsif becomes = 'RECOVERED' then
        return query select * from app.guard_recovery_declared(whose, which);
        return query select * from app.before_recovered(whose, which);
    elsif was = 'ROLLED_BACK' and becomes = 'IN_TRUST_TEST' then
        return query select * from app.guard_own_holds(whose, which);
    elsif was in ('READY', 'APPROVED') and becomes = 'IN_TRUST_TEST' then
        return query select * from app.guard_superseded(whose, which);
    end if;
end
$$;

-- The columns that change with a move, and those that a trust changes between two.
create function app.moving_with(was systemstate, becomes systemstate, who text) returns text[]
language sql immutable parallel safe as $$
    select case
        when was = becomes and who = 'TRUST'
            then array['current_build_id', 'cohorts_final_at', 'teams_total', 'accounts_total', 'recovered_declared_at']
                || case was when 'REINSTATING' then array['first_live_at'] else '{}' end
        when was = becomes then '{}'
        when becomes = 'OUTAGE' then array['outage_started_at']
        when becomes = 'HANDED_OVER' then array['handed_over_at', 'current_build_id']
        when becomes = 'READY' then array['accepted_at']
        when becomes = 'LIVE' then array['first_live_at', 'fully_live_at']
        when becomes = 'ROLLED_BACK'
            then array['rolled_back_at', 'first_live_at', 'fully_live_at', 'recovered_declared_at']
        when becomes = 'RECOVERED' then array['recovered_at']
        when becomes = 'REPLACED' then array['replaced_by', 'archive_arrangement']
        else '{}'
    end::text[] || array['state', 'state_since', 'version']
$$;

-- When its first users were back on it: its first cohort, or all of them now.
create function app.first_live(whose text, which uuid) returns timestamptz language sql stable as $$
    select coalesce(min(c.actual_at), app.now()) from cohort c
    where c.tenant_ods = whose and c.system_id = which and c.state = 'LIVE'
$$;

-- A system moves as the table says, when nothing is in the way; when it did, whatever the writer says.
create function app.move_system() returns trigger language plpgsql as $$
declare
    who text := current_setting('app.kind');
    obstacle app.obstacle;
    astray text := (
        select n.key from jsonb_each(to_jsonb(new)) n
        where n.value is distinct from to_jsonb(old) -> n.key
        and n.key <> all (app.moving_with(old.state, new.state, who)) limit 1
    );
begin
    if new.state <> old.state and not app.may_move(old.state, new.state, who) then
        raise exception 'a system does not go from % to % by the hand of %', old.state, new.state, who
            using errcode = 'check_violation';
    end if;
    if astray is not null then
        raise exception '% of a system does not change so', astray using errcode = 'check_violation';
    end if;
    if new.state <> old.state then
        select * into obstacle from app.in_the_way(old.tenant_ods, old.id, old.state, new.state) limit 1;
    elsif new.recovered_declared_at is distinct from old.recovered_declared_at then
        if old.state <> 'LIVE' or old.recovered_declared_at is not null then
            raise exception 'a live system is declared recovered, once' using errcode = 'check_violation';
        end if;
        new.recovered_declared_at := app.now();
        select * into obstacle from app.before_recovered(old.tenant_ods, old.id) limit 1;
    elsif old.state = 'REINSTATING' then
        new.first_live_at := (
            select min(c.actual_at) from cohort c
            where c.tenant_ods = new.tenant_ods and c.system_id = new.id and c.state = 'LIVE'
        );
    end if;
    if obstacle.code is not null then
        raise exception '% to %: %', old.state, new.state, obstacle.what using errcode = 'check_violation';
    end if;
    if new.current_build_id is distinct from old.current_build_id and not exists (
        select from product p where p.tenant_ods = new.supplier_ods and p.id = new.product_id
        and p.current_build_id = new.current_build_id
    ) then
        raise exception 'its build is the product''s current one' using errcode = 'check_violation';
    end if;
    return case when new.state = old.state then new else app.stamped(new) end;
end
$$;

-- When each thing of a move happened.
create function app.stamped(moved system) returns system language plpgsql stable as $$
begin
    case moved.state
        when 'HANDED_OVER' then
            moved.handed_over_at := app.now();
            moved.current_build_id := (
                select p.current_build_id from product p
                where p.tenant_ods = moved.supplier_ods and p.id = moved.product_id
            );
        when 'READY' then
            moved.accepted_at := app.now();
        when 'LIVE' then
            moved.first_live_at := app.first_live(moved.tenant_ods, moved.id);
            moved.fully_live_at := app.now();
        when 'ROLLED_BACK' then
            moved.rolled_back_at := app.now();
            moved.first_live_at := null;
            moved.fully_live_at := null;
            moved.recovered_declared_at := null;
        when 'RECOVERED' then
            moved.recovered_at := app.now();
        when 'REPLACED' then
            if num_nulls(moved.replaced_by, moved.archive_arrangement) > 0 then
                raise exception 'what replaces a system, and its archive, are named' using errcode = 'check_violation';
            end if;
        else
            null;
    end case;
    return moved;
end
$$;

create trigger move before update on system for each row when (pg_trigger_depth() = 0)
    execute function app.move_system();

-- Later states are reached, not stated.
create policy begins_lost on system as restrictive for insert to app_trust with check (
    state in ('OPERATIONAL', 'OUTAGE', 'ISOLATED', 'REBUILDING')
    and num_nonnulls(handed_over_at, accepted_at, first_live_at, fully_live_at, rolled_back_at,
        recovered_declared_at, recovered_at, replaced_by, archive_arrangement) = 0
);

-- A supplier moves the systems of its products, a region those of its trusts, as far as app.may_move lets them.
create policy supplied on system for update to app_supplier using (supplier_ods = (select app.tenant()));
create policy of_its_region on system for update to app_region using (region_ods = (select app.tenant()));
grant update (state, outage_started_at, accepted_at, first_live_at, fully_live_at, rolled_back_at, recovered_declared_at, replaced_by,
    archive_arrangement, current_build_id, version) on system to app_trust;
grant update (state, handed_over_at, current_build_id, version) on system to app_supplier;
grant update (state, recovered_at, version) on system to app_region;
select app.remember('system', 'System');

-- Disputes: one side claims a state that the other side's own checks do not bear out.
create type disputestate as enum ('OPEN', 'SETTLED');

create table dispute (
    tenant_ods varchar(10) not null references organisation,
    id uuid not null,
    version integer not null,
    created_at timestamptz not null,
    created_by varchar(120) not null,
    claimed_state systemstate not null,
    verified_state systemstate not null,
    reason varchar(2000) not null check (length(reason) >= 2),
    trust_ods varchar(10) not null,
    system_id uuid not null,
    supplier_ods varchar(10) not null references organisation,
    region_ods varchar(10),
    state disputestate not null,
    settled_at timestamptz check (settled_at >= created_at),
    settlement varchar(2000) check (length(settlement) >= 2),
    primary key (tenant_ods, id),
    foreign key (trust_ods, system_id) references system (tenant_ods, id),
    foreign key (trust_ods, region_ods) references organisation (ods_code, region_ods) on update cascade,
    constraint the_two_differ check (claimed_state <> verified_state),
    constraint a_settlement_is_whole check (
        num_nonnulls(settled_at, settlement) = case state when 'SETTLED' then 2 else 0 end
    )
);
create index on dispute (id);
create index on dispute (region_ods, id);
create index on dispute (system_id, id);
create unique index one_open_dispute on dispute (tenant_ods, trust_ods, system_id) where state = 'OPEN';

-- It begins open, and whose the system is, whatever the writer says; its settlement is its one change, once.
create function app.raise_dispute() returns trigger language plpgsql as $$
begin
    if new.state <> 'OPEN' then
        raise exception 'a dispute begins open' using errcode = 'check_violation';
    end if;
    new.supplier_ods := (select s.supplier_ods from system s where s.tenant_ods = new.trust_ods and s.id = new.system_id);
    return new;
end
$$;

create function app.settle_dispute() returns trigger language plpgsql as $$
begin
    if old.state = 'SETTLED' or new.state <> 'SETTLED' then
        raise exception 'a dispute changes by its settlement alone, once' using errcode = 'check_violation';
    end if;
    new.settled_at := app.now();
    return new;
end
$$;

create trigger raise before insert on dispute for each row execute function app.raise_dispute();
create trigger settle before update on dispute for each row when (pg_trigger_depth() = 0)
    execute function app.settle_dispute();
select app.protect('dispute'), app.follow('dispute', 'Dispute', effective => 'settled_at');
create policy about_its_own on dispute as restrictive for insert to app_trust
    with check (trust_ods = (select app.tenant()));
create policy about_what_it_supplies on dispute as restrictive for insert to app_supplier
    with check (supplier_ods = (select app.tenant()));
grant select on dispute to app_assurer, app_auditor, app_icb, app_national, app_region, app_supplier, app_trust;
grant insert, update (state, settled_at, settlement, version) on dispute to app_supplier, app_trust;
select app.remember('dispute', 'Dispute');

revoke execute on all functions in schema app from public;
grant execute on function app.stands_by, app.file_test, app.may_move, app.moving_with, app.in_the_way, app.before_recovered, app.move_system,
    app.stamped, app.first_live, app.counting_builds, app.guard_assurance, app.guard_back_entry, app.guard_build,
    app.guard_cohorts, app.guard_dcb0129, app.guard_decision, app.guard_defects, app.guard_gates, app.guard_slot, app.guard_wave, app.guard_declaration, app.guard_holds,
    app.guard_own_holds, app.guard_recovery_declared, app.guard_rollback, app.guard_superseded, app.guard_tests,
    app.raise_dispute, app.settle_dispute
    to app_assurer, app_auditor, app_icb, app_national, app_region, app_supplier, app_trust;
