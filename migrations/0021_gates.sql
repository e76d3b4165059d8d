-- Gates and decisions: what stands between a system and its users, who clears it, and what a trust decided.

create type gatescope as enum ('SYSTEM', 'WAVE');
create type gatebasis as enum ('ASSESSED', 'SECURITY_ASSURANCE', 'DCB0129', 'DCB0160', 'TRUST_TESTING', 'DEFECTS', 'BACK_ENTRY', 'SLOT');
create type gateoutcome as enum ('IN_REVIEW', 'PASSED', 'PASSED_WITH_CONDITIONS', 'FAILED');
create type decisionoutcome as enum ('GO', 'GO_WITH_CONDITIONS', 'NO_GO', 'DEFER');

-- The kind of organisation whose role it is.
create function app.kind_of_role(role text) returns text language sql immutable parallel safe
    return split_part(role, '_', 1);

-- Whether a person alone may act in this role.
create function app.is_personal(role text) returns boolean language sql immutable parallel safe
    return role in ('ASSURER', 'SUPPLIER_CSO', 'TRUST_CSO', 'TRUST_EXEC', 'TRUST_SIRO');

-- A gate that nobody could lawfully pass is none: the assurer sees no system, a wave is no one trust's, and a quorum
-- needs as many kinds of organisation besides the supplier.
create function app.can_be_passed(scope gatescope, roles text[], quorum integer) returns boolean
language sql immutable parallel safe
    return case scope
        when 'SYSTEM' then exists (select from unnest(roles) r where r <> 'ASSURER')
        else not exists (select from unnest(roles) r where app.kind_of_role(r) = 'TRUST')
    end and (quorum = 1 or quorum <= (
        select count(distinct app.kind_of_role(r)) from unnest(roles) r
        where app.kind_of_role(r) <> 'SUPPLIER' and not (scope = 'SYSTEM' and r = 'ASSURER')
    ));

create table gate (
    tenant_ods varchar(10) not null references organisation,
    id uuid not null,
    version integer not null,
    created_at timestamptz not null,
    created_by varchar(120) not null,
    incident_id uuid not null,
    supplier_ods varchar(10),
    region_ods varchar(10),
    audience audience not null,
    code varchar(40) not null check (code ~ '^[A-Z][A-Z0-9_]{1,39}$'),
    title varchar(200) not null check (length(title) >= 2),
    scope gatescope not null,
    basis gatebasis not null,
    owner_roles text[] not null check (
        owner_roles <> '{}' and owner_roles <@ array['ASSURER', 'NATIONAL_IMT', 'REGION', 'SUPPLIER_CSO',
            'SUPPLIER_LEAD', 'TRUST_CSO', 'TRUST_EXEC', 'TRUST_IT', 'TRUST_SIRO']
    ),
    mandatory boolean not null,
    max_age_days integer check (max_age_days between 1 and 366),
    waivable boolean not null,
    quorum integer not null check (quorum between 1 and 5),
    position integer not null check (position between 1 and 999),
    primary key (tenant_ods, id),
    unique (tenant_ods, incident_id, code),
    foreign key (tenant_ods, incident_id) references incident (tenant_ods, id),
    foreign key (tenant_ods, region_ods) references organisation (ods_code, region_ods) on update cascade,
    constraint never_waived check (
        (basis not in ('SECURITY_ASSURANCE', 'DCB0129', 'DCB0160', 'SLOT') and code <> 'BOARD_APPROVAL')
        or (mandatory and not waivable)
    ),
    constraint a_fact_has_its_name check (
        case basis
            when 'ASSESSED' then code not in ('SECURITY_ASSURANCE', 'DCB0129', 'DCB0160', 'TRUST_TESTING', 'DEFECTS',
                                              'BACK_ENTRY', 'SLOT')
            else code = basis::text and scope = 'SYSTEM' and quorum = 1
        end
    ),
    constraint the_board_is_the_trusts check (
        code <> 'BOARD_APPROVAL' or (scope = 'SYSTEM' and owner_roles <@ array['TRUST_EXEC', 'TRUST_SIRO'])
    ),
    constraint can_be_passed check (basis <> 'ASSESSED' or app.can_be_passed(scope, owner_roles, quorum))
);
create index on gate (id);
create index on gate (incident_id, id);

-- Who reads a gate is who reads its incident.
create function app.define_gate() returns trigger language plpgsql as $$
begin
    select i.supplier_ods, i.audience into new.supplier_ods, new.audience from incident i
    where i.tenant_ods = new.tenant_ods and i.id = new.incident_id;
    new.created_by := current_setting('app.subject');
    return new;
end
$$;
create trigger define before insert on gate for each row execute function app.define_gate();
select app.protect('gate'), app.follow('gate', 'Gate');

create table gate_assessment (
    tenant_ods varchar(10) not null references organisation,
    id uuid not null,
    version integer not null,
    created_at timestamptz not null,
    created_by varchar(120) not null,
    gate_ods varchar(10) not null,
    gate_id uuid not null,
    trust_ods varchar(10),
    system_id uuid,
    supplier_ods varchar(10) not null,
    wave_id uuid,
    build_id uuid,
    region_ods varchar(10),
    audience audience not null,
    outcome gateoutcome not null,
    assessor_role role not null,
    assessed_at timestamptz not null,
    expires_at timestamptz,
    primary key (tenant_ods, id),
    foreign key (gate_ods, gate_id) references gate (tenant_ods, id),
    foreign key (trust_ods, system_id) references system (tenant_ods, id),
    foreign key (supplier_ods, wave_id) references wave (tenant_ods, id),
    foreign key (supplier_ods, build_id) references build (tenant_ods, id),
    foreign key (trust_ods, region_ods) references organisation (ods_code, region_ods) on update cascade,
    constraint one_subject check (
        case when wave_id is null then num_nulls(trust_ods, system_id) = 0 and audience = 'PRIVATE'
             else num_nulls(trust_ods, system_id) = 2 and audience = 'PUBLISHED'
        end
    )
);
create index on gate_assessment (id);
create index on gate_assessment (gate_id, id);
create index on gate_assessment (system_id, gate_id, id) where system_id is not null;
create index on gate_assessment (wave_id, gate_id, id) where wave_id is not null;

-- Who assesses what: an owner of the gate, of the subject's own trust, region or supplier, or above them. Whose the
-- subject is, its build and the time follow from the rows, whatever the writer says.
create function app.assess_gate() returns trigger language plpgsql as $$
declare
    who text := current_setting('app.kind');
    owned record;
    subject record;
begin
    select g.* into owned from gate g where g.tenant_ods = new.gate_ods and g.id = new.gate_id;
    if owned is null or owned.basis <> 'ASSESSED' then
        raise exception 'this gate follows from facts' using errcode = 'check_violation';
    end if;
    if new.assessor_role::text <> all (owned.owner_roles) or app.kind_of_role(new.assessor_role::text) <> who then
        raise exception 'the role % does not assess this gate for %', new.assessor_role, who using errcode = 'check_violation';
    end if;
    if app.is_personal(new.assessor_role::text) and not app.by_a_person() then
        raise exception 'a person acts as %', new.assessor_role using errcode = 'check_violation';
    end if;
    if (owned.scope = 'WAVE') <> (new.wave_id is not null) then
        raise exception 'the gate is not of this kind of subject' using errcode = 'check_violation';
    end if;
    if new.wave_id is null then
        select s.supplier_ods, s.incident_ods, s.incident_id, p.current_build_id,
            case who when 'TRUST' then s.tenant_ods when 'REGION' then s.region_ods
                      when 'SUPPLIER' then s.supplier_ods else app.tenant() end as whose
        into subject from system s left join product p on p.tenant_ods = s.supplier_ods and p.id = s.product_id
        where s.tenant_ods = new.trust_ods and s.id = new.system_id;
    else
        select w.tenant_ods as supplier_ods, w.incident_ods, w.incident_id, p.current_build_id,
            case who when 'SUPPLIER' then w.tenant_ods else app.tenant() end as whose
        into subject from wave w left join product p on p.tenant_ods = w.tenant_ods and p.id = w.product_id
        where w.tenant_ods = new.supplier_ods and w.id = new.wave_id and w.audience = 'PUBLISHED';
    end if;
    if (subject.incident_ods, subject.incident_id) is distinct from (owned.tenant_ods, owned.incident_id)
        or subject.whose is distinct from app.tenant() then
        raise exception 'this gate is not assessed for this subject by %', app.tenant() using errcode = 'check_violation';
    end if;
    new.supplier_ods := subject.supplier_ods;
    new.build_id := subject.current_build_id;
    new.audience := case when new.wave_id is null then 'PRIVATE' else 'PUBLISHED' end;
    new.assessed_at := app.now();
    new.expires_at := app.now() + make_interval(days => owned.max_age_days);
    new.created_by := current_setting('app.subject');
    return new;
end
$$;
create trigger assess before insert on gate_assessment for each row execute function app.assess_gate();
select app.protect('gate_assessment'), app.follow('gate_assessment', 'GateAssessment');

create table assessment_note (
    tenant_ods varchar(10) not null,
    id uuid not null,
    version integer not null,
    created_at timestamptz not null,
    created_by varchar(120) not null,
    assessment_id uuid not null,
    trust_ods varchar(10),
    region_ods varchar(10),
    note varchar(2000),
    evidence_ref varchar(200),
    primary key (tenant_ods, id),
    unique (tenant_ods, assessment_id),
    foreign key (tenant_ods, assessment_id) references gate_assessment (tenant_ods, id),
    foreign key (trust_ods, region_ods) references organisation (ods_code, region_ods) on update cascade,
    constraint says_something check (num_nonnulls(note, evidence_ref) > 0)
);
create index on assessment_note (id);

create function app.note_assessment() returns trigger language plpgsql as $$
begin
    select a.trust_ods into strict new.trust_ods from gate_assessment a
    where a.tenant_ods = new.tenant_ods and a.id = new.assessment_id and a.assessed_at = app.now();
    return new;
end
$$;
create trigger note before insert on assessment_note for each row execute function app.note_assessment();
select app.protect('assessment_note'), app.follow('assessment_note', 'AssessmentNote');

create table gate_waiver (
    tenant_ods varchar(10) not null references organisation,
    id uuid not null,
    version integer not null,
    created_at timestamptz not null,
    created_by varchar(120) not null,
    reason varchar(2000) not null check (length(reason) >= 2),
    until timestamptz not null,
    gate_ods varchar(10) not null,
    gate_id uuid not null,
    trust_ods varchar(10) not null,
    system_id uuid not null,
    supplier_ods varchar(10) not null,
    region_ods varchar(10),
    waived_at timestamptz not null check (until > waived_at),
    revoked_at timestamptz,
    revoker varchar(120),
    revoke_reason varchar(2000) check (length(revoke_reason) >= 2),
    primary key (tenant_ods, id),
    foreign key (gate_ods, gate_id) references gate (tenant_ods, id),
    foreign key (trust_ods, system_id) references system (tenant_ods, id),
    foreign key (trust_ods, region_ods) references organisation (ods_code, region_ods) on update cascade,
    constraint a_revocation_is_whole check (num_nonnulls(revoked_at, revoker, revoke_reason) in (0, 3))
);
create index on gate_waiver (id);
create index on gate_waiver (gate_id, id);
create index on gate_waiver (system_id, gate_id, id);

create function app.waive_gate() returns trigger language plpgsql as $$
begin
    if not app.by_a_person() then
        raise exception 'a person waives a gate' using errcode = 'check_violation';
    end if;
    if not exists (
        select from gate g join system s on s.incident_ods = g.tenant_ods and s.incident_id = g.incident_id
        where g.tenant_ods = new.gate_ods and g.id = new.gate_id and g.waivable
        and s.tenant_ods = new.trust_ods and s.id = new.system_id and s.supplier_ods = new.supplier_ods
    ) then
        raise exception 'this gate is not waived' using errcode = 'check_violation';
    end if;
    new.waived_at := app.now();
    new.revoked_at := null;
    new.revoker := null;
    new.revoke_reason := null;
    new.created_by := current_setting('app.subject');
    return new;
end
$$;
create function app.revoke_waiver() returns trigger language plpgsql as $$
begin
    if old.revoked_at is not null then
        raise exception 'a revoked waiver never changes' using errcode = 'check_violation';
    end if;
    if not app.by_a_person() then
        raise exception 'a person revokes a waiver' using errcode = 'check_violation';
    end if;
    new.revoked_at := app.now();
    new.revoker := current_setting('app.subject');
    return new;
end
$$;
create trigger waive before insert on gate_waiver for each row execute function app.waive_gate();
create trigger revoke before update on gate_waiver for each row when (pg_trigger_depth() = 0)
    execute function app.revoke_waiver();
select app.protect('gate_waiver'), app.follow('gate_waiver', 'GateWaiver', effective => 'revoked_at,waived_at');

create table go_no_go_decision (
    tenant_ods varchar(10) not null references organisation,
    id uuid not null,
    version integer not null,
    created_at timestamptz not null,
    created_by varchar(120) not null,
    system_id uuid not null,
    supplier_ods varchar(10) not null,
    build_id uuid,
    region_ods varchar(10),
    outcome decisionoutcome not null,
    decided_at timestamptz not null,
    decider varchar(120) not null,
    supersedes_id uuid,
    primary key (tenant_ods, id),
    foreign key (tenant_ods, system_id) references system (tenant_ods, id),
    foreign key (supplier_ods, build_id) references build (tenant_ods, id),
    foreign key (tenant_ods, supersedes_id) references go_no_go_decision (tenant_ods, id),
    foreign key (tenant_ods, region_ods) references organisation (ods_code, region_ods) on update cascade
);
create index on go_no_go_decision (id);
create index on go_no_go_decision (system_id, id);

-- A decision is a person's, not of one who filed the system's tests (domain model, B.4.4), and no GO passes a gate
-- that is shut (app.shut_gates, 0022), whatever the rule found.
create function app.decide() returns trigger language plpgsql as $$
declare
    decided record;
    shut text[];
begin
    if not app.by_a_person() then
        raise exception 'a person decides' using errcode = 'check_violation';
    end if;
    select s.state, s.supplier_ods, p.current_build_id into decided
    from system s left join product p on p.tenant_ods = s.supplier_ods and p.id = s.product_id
    where s.tenant_ods = new.tenant_ods and s.id = new.system_id;
    if decided.state is distinct from 'READY' then
        raise exception 'it is decided about a system that is READY' using errcode = 'check_violation';
    end if;
    if exists (
        select from test_report r where r.tenant_ods = new.tenant_ods and r.system_id = new.system_id
        and r.created_by = current_setting('app.subject')
    ) then
        raise exception 'whoever filed its test reports does not decide' using errcode = 'check_violation';
    end if;
    if new.outcome in ('GO', 'GO_WITH_CONDITIONS') then
        shut := app.shut_gates(new.tenant_ods, new.system_id);
        if shut <> '{}' then
            raise exception 'gates are shut: %', array_to_string(shut, ', ') using errcode = 'check_violation';
        end if;
    end if;
    new.supplier_ods := decided.supplier_ods;
    new.build_id := decided.current_build_id;
    new.decided_at := app.now();
    new.decider := current_setting('app.subject');
    new.created_by := new.decider;
    new.supersedes_id := (
        select d.id from go_no_go_decision d where d.tenant_ods = new.tenant_ods and d.system_id = new.system_id
        order by d.id desc limit 1
    );
    return new;
end
$$;
create trigger decide before insert on go_no_go_decision for each row execute function app.decide();
select app.protect('go_no_go_decision'), app.follow('go_no_go_decision', 'GoNoGoDecision');

create table decision_record (
    tenant_ods varchar(10) not null,
    id uuid not null,
    version integer not null,
    created_at timestamptz not null,
    created_by varchar(120) not null,
    decision_id uuid not null,
    region_ods varchar(10),
    rationale varchar(2000) not null check (length(rationale) >= 2),
    gate_snapshot jsonb not null,
    snapshot_hash varchar(64) not null,
    primary key (tenant_ods, id),
    unique (tenant_ods, decision_id),
    foreign key (tenant_ods, decision_id) references go_no_go_decision (tenant_ods, id),
    foreign key (tenant_ods, region_ods) references organisation (ods_code, region_ods) on update cascade
);
create index on decision_record (id);

-- Where the gates stood is what the database finds in the decision's own transaction, never what the writer says.
create function app.take_snapshot() returns trigger language plpgsql as $$
begin
    select app.gates_of(d.tenant_ods, d.system_id) into strict new.gate_snapshot from go_no_go_decision d
    where d.tenant_ods = new.tenant_ods and d.id = new.decision_id and d.decided_at = app.now();
    new.snapshot_hash := encode(sha256(convert_to(new.gate_snapshot::text, 'UTF8')), 'hex');
    new.created_by := current_setting('app.subject');
    return new;
end
$$;
create trigger snapshot before insert on decision_record for each row execute function app.take_snapshot();
select app.protect('decision_record'), app.follow('decision_record', 'DecisionRecord');

create table obligation (
    tenant_ods varchar(10) not null,
    id uuid not null,
    version integer not null,
    created_at timestamptz not null,
    created_by varchar(120) not null,
    text varchar(2000) not null check (length(text) >= 2),
    due_on date not null,
    owner_role role not null check (owner_role in ('TRUST_CSO', 'TRUST_EXEC', 'TRUST_IT', 'TRUST_SIRO')),
    decision_id uuid not null,
    region_ods varchar(10),
    met_at timestamptz,
    met_by varchar(120),
    how varchar(2000) check (length(how) >= 2),
    primary key (tenant_ods, id),
    foreign key (tenant_ods, decision_id) references go_no_go_decision (tenant_ods, id),
    foreign key (tenant_ods, region_ods) references organisation (ods_code, region_ods) on update cascade,
    constraint met_as_a_whole check (num_nonnulls(met_at, met_by, how) in (0, 3))
);
create index on obligation (id);
create index on obligation (decision_id, id);

create function app.oblige() returns trigger language plpgsql as $$
begin
    perform from go_no_go_decision d where d.tenant_ods = new.tenant_ods and d.id = new.decision_id
    and d.outcome = 'GO_WITH_CONDITIONS' and d.decided_at = app.now();
    if not found or new.met_at is not null then
        raise exception 'an obligation is made with its decision, and not met' using errcode = 'check_violation';
    end if;
    return new;
end
$$;
create function app.meet_obligation() returns trigger language plpgsql as $$
begin
    if old.met_at is not null then
        raise exception 'an obligation that is met never changes' using errcode = 'check_violation';
    end if;
    if app.is_personal(new.owner_role::text) and not app.by_a_person() then
        raise exception 'a person acts as %', new.owner_role using errcode = 'check_violation';
    end if;
    new.met_at := app.now();
    new.met_by := current_setting('app.subject');
    return new;
end
$$;
create trigger oblige before insert on obligation for each row execute function app.oblige();
create trigger meet before update on obligation for each row when (pg_trigger_depth() = 0)
    execute function app.meet_obligation();
select app.protect('obligation'), app.follow('obligation', 'Obligation');

create table dissent (
    tenant_ods varchar(10) not null references organisation,
    id uuid not null,
    version integer not null,
    created_at timestamptz not null,
    created_by varchar(120) not null,
    trust_ods varchar(10) not null,
    decision_id uuid not null,
    region_ods varchar(10),
    role role not null check (role in ('REGION', 'TRUST_CSO', 'TRUST_EXEC', 'TRUST_IT', 'TRUST_SIRO')),
    text varchar(2000) not null check (length(text) >= 2),
    recorded_at timestamptz not null,
    primary key (tenant_ods, id),
    foreign key (trust_ods, decision_id) references go_no_go_decision (tenant_ods, id),
    foreign key (trust_ods, region_ods) references organisation (ods_code, region_ods) on update cascade
);
create index on dissent (id);
create index on dissent (decision_id, id);

create function app.record_dissent() returns trigger language plpgsql as $$
begin
    if app.kind_of_role(new.role::text) <> current_setting('app.kind')
        or (app.is_personal(new.role::text) and not app.by_a_person()) then
        raise exception 'the caller does not act as %', new.role using errcode = 'check_violation';
    end if;
    new.recorded_at := app.now();
    new.created_by := current_setting('app.subject');
    return new;
end
$$;
create trigger dissent before insert on dissent for each row execute function app.record_dissent();
select app.protect('dissent'), app.follow('dissent', 'Dissent');
create policy its_own_decisions on dissent as restrictive for insert to app_trust
    with check (trust_ods = (select app.tenant()));
create policy decisions_of_its_region on dissent as restrictive for insert to app_region
    with check (region_ods = (select app.tenant()));

revoke execute on function app.kind_of_role, app.is_personal, app.can_be_passed, app.define_gate,
    app.assess_gate, app.note_assessment, app.waive_gate, app.revoke_waiver, app.decide, app.take_snapshot, app.oblige,
    app.meet_obligation, app.record_dissent from public;
grant execute on function app.kind_of_role, app.is_personal, app.can_be_passed, app.define_gate,
    app.assess_gate, app.note_assessment, app.waive_gate, app.revoke_waiver, app.decide, app.take_snapshot, app.oblige,
    app.meet_obligation, app.record_dissent
    to app_assurer, app_auditor, app_icb, app_national, app_region, app_supplier, app_trust;

grant select on gate, gate_assessment, assessment_note, gate_waiver, go_no_go_decision, decision_record, obligation,
    dissent to app_assurer, app_auditor, app_icb, app_national, app_region, app_supplier, app_trust;
grant insert on gate to app_national, app_region, app_trust;
grant update (title, mandatory, max_age_days, waivable, quorum, position, version) on gate
    to app_national, app_region, app_trust;
grant insert on gate_assessment, assessment_note to app_assurer, app_national, app_region, app_supplier, app_trust;
grant insert on gate_waiver to app_national;
grant update (revoked_at, revoker, revoke_reason, version) on gate_waiver to app_national;
grant insert on go_no_go_decision, decision_record, obligation to app_trust;
grant update (met_at, met_by, how, version) on obligation to app_trust;
grant insert on dissent to app_region, app_trust;
grant update (state, version) on system to app_trust;

select app.remember('gate', 'Gate');
select app.remember('gate_assessment', 'GateAssessment');
select app.remember('assessment_note', 'AssessmentNote');
select app.remember('gate_waiver', 'GateWaiver');
select app.remember('go_no_go_decision', 'GoNoGoDecision');
select app.remember('decision_record', 'DecisionRecord');
select app.remember('obligation', 'Obligation');
select app.remember('dissent', 'Dissent');
select app.remember('system', 'System');
