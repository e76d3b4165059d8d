-- Security assurance: the evidence a supplier submits for a build, and what an assurer decides of it.

create type assurancestate as enum ('DRAFT', 'SUBMITTED', 'UNDER_REVIEW', 'MORE_EVIDENCE', 'APPROVED', 'REJECTED', 'REVOKED');
create type evidencekind as enum ('BACKUP_TEST', 'FORENSIC_REPORT', 'IOC_SWEEP', 'OTHER', 'PENETRATION_TEST', 'REBUILD_ATTESTATION', 'VULNERABILITY_SCAN');

create table security_assurance (
    tenant_ods varchar(10) not null references organisation,
    id uuid not null,
    version integer not null,
    created_at timestamptz not null,
    created_by varchar(120) not null,
    reference varchar(80) not null check (length(reference) >= 2),
    product_id uuid not null,
    build_id uuid not null,
    supersedes_id uuid check (supersedes_id <> id),
    state assurancestate not null,
    audience audience not null,
    submitted_at timestamptz,
    assurer_ods varchar(10) references organisation,
    decider varchar(120) check (decider ~ '^[a-z0-9][a-z0-9._-]{1,39}@[A-Z0-9]{3,10}$'),
    decided_at timestamptz,
    confidence confidence,
    valid_until timestamptz,
    decision_reason varchar(2000) check (length(decision_reason) >= 2),
    primary key (tenant_ods, id),
    unique (tenant_ods, reference),
    foreign key (tenant_ods, product_id) references product (tenant_ods, id),
    foreign key (tenant_ods, build_id) references build (tenant_ods, id),
    foreign key (tenant_ods, supersedes_id) references security_assurance (tenant_ods, id),
    constraint a_draft_is_private check (
        (audience = 'PRIVATE') = (state = 'DRAFT') and audience <> 'REGION' and (submitted_at is null) = (state = 'DRAFT')
    ),
    constraint a_decision_is_whole check (
        state not in ('MORE_EVIDENCE', 'APPROVED', 'REJECTED', 'REVOKED')
        or num_nulls(assurer_ods, decider, decided_at, decision_reason) = 0
    ),
    constraint an_approval_says_how_sure_and_how_long check (
        num_nonnulls(confidence, valid_until) = case when state in ('APPROVED', 'REVOKED') then 2 else 0 end
        and (state <> 'APPROVED' or valid_until > decided_at)
    ),
    constraint nobody_assures_themselves check (assurer_ods <> tenant_ods)
);
create index on security_assurance (id);
create index on security_assurance (build_id, id);
create index on security_assurance (product_id, submitted_at desc, id desc);

create table evidence (
    tenant_ods varchar(10) not null,
    id uuid not null,
    version integer not null,
    created_at timestamptz not null,
    created_by varchar(120) not null,
    kind evidencekind not null,
    title varchar(200) not null check (length(title) >= 2),
    held_in varchar(300) not null check (length(held_in) >= 2),
    sha256 varchar(64) not null check (sha256 ~ '^[0-9a-f]{64}$'),
    assurance_id uuid not null,
    primary key (tenant_ods, id),
    foreign key (tenant_ods, assurance_id) references security_assurance (tenant_ods, id)
);
create index on evidence (id);
create index on evidence (assurance_id, id);

-- Whether the account that acts is a person's (schema/people/account.py); decisions are never a machine's.
create function app.by_a_person() returns boolean language sql stable parallel safe
    return coalesce(current_setting('app.subject', true) ~ '^[a-z0-9][a-z0-9._-]{1,39}@[A-Z0-9]{3,10}$', false);

-- It begins as a draft, of a build of the product, and supersedes one of the same build.
create function app.begin_assurance() returns trigger language plpgsql as $$
begin
    if new.state <> 'DRAFT' then
        raise exception 'an assurance begins as a draft' using errcode = 'check_violation';
    end if;
    if not exists (
        select from build b
        where b.tenant_ods = new.tenant_ods and b.id = new.build_id and b.product_id = new.product_id
    ) then
        raise exception 'the build is not one of the product' using errcode = 'check_violation';
    end if;
    if new.supersedes_id is not null and not exists (
        select from security_assurance a
        where a.tenant_ods = new.tenant_ods and a.id = new.supersedes_id and a.build_id = new.build_id
        and a.state <> 'DRAFT'
    ) then
        raise exception 'it supersedes a submitted one of the same build' using errcode = 'check_violation';
    end if;
    new.audience := 'PRIVATE';
    return new;
end
$$;

-- Who moves it from where to where (domain model, B.2), and when: whatever the writer says. What a move does not
-- decide stays as it was.
create function app.move_assurance() returns trigger language plpgsql as $$
declare
    move text := format('%s to %s by %s', old.state, new.state, current_setting('app.kind', true));
begin
    if move not in (
        'DRAFT to SUBMITTED by SUPPLIER', 'MORE_EVIDENCE to SUBMITTED by SUPPLIER',
        'SUBMITTED to UNDER_REVIEW by ASSURER', 'UNDER_REVIEW to APPROVED by ASSURER',
        'UNDER_REVIEW to MORE_EVIDENCE by ASSURER', 'UNDER_REVIEW to REJECTED by ASSURER',
        'APPROVED to REVOKED by ASSURER'
    ) then
        raise exception 'an assurance does not go from %', move using errcode = 'check_violation';
    end if;
    new.audience := 'PUBLISHED';
    if new.state = 'SUBMITTED' then
        if not exists (select from evidence e where e.tenant_ods = new.tenant_ods and e.assurance_id = new.id) then
            raise exception 'an assurance is submitted with evidence' using errcode = 'check_violation';
        end if;
        new.submitted_at := app.now();
        return new;
    end if;
    if not app.by_a_person() then
        raise exception 'a person decides of an assurance' using errcode = 'check_violation';
    end if;
    if new.state <> 'APPROVED' then
        new.confidence := old.confidence;
        new.valid_until := old.valid_until;
    end if;
    new.assurer_ods := app.tenant();
    if new.state = 'UNDER_REVIEW' then
        new.decider := old.decider;
        new.decided_at := old.decided_at;
        new.decision_reason := old.decision_reason;
    else
        new.decider := current_setting('app.subject');
        new.decided_at := app.now();
    end if;
    return new;
end
$$;

-- Evidence joins what is the supplier's to complete, and nothing that is being decided or was.
create function app.complete_assurance() returns trigger language plpgsql as $$
begin
    if not exists (
        select from security_assurance a
        where a.tenant_ods = new.tenant_ods and a.id = new.assurance_id and a.state in ('DRAFT', 'MORE_EVIDENCE')
    ) then
        raise exception 'evidence is added to a draft, or where more was asked for' using errcode = 'check_violation';
    end if;
    return new;
end
$$;

create trigger begin before insert on security_assurance for each row execute function app.begin_assurance();
create trigger move before update on security_assurance for each row when (pg_trigger_depth() = 0)
    execute function app.move_assurance();
create trigger complete before insert on evidence for each row execute function app.complete_assurance();
select app.protect('security_assurance'), app.follow('security_assurance', 'SecurityAssurance');
select app.protect('evidence'), app.follow('evidence', 'Evidence');

-- The assurer decides of the supplier's row, once it was submitted, and reads the evidence it was submitted with:
-- what is added when more is asked for is the supplier's alone until it submits again.
create policy decide on security_assurance for update to app_assurer using (audience = 'PUBLISHED');
create policy read_submitted on evidence for select to app_assurer using (exists (
    select from security_assurance a
    where a.tenant_ods = evidence.tenant_ods and a.id = evidence.assurance_id and a.submitted_at >= evidence.created_at
));

grant select on security_assurance, evidence
    to app_assurer, app_auditor, app_icb, app_national, app_region, app_supplier, app_trust;
grant insert on security_assurance, evidence to app_supplier;
grant update (state, audience, submitted_at, version) on security_assurance to app_supplier;
grant update (state, assurer_ods, decider, decided_at, confidence, valid_until, decision_reason, version)
    on security_assurance to app_assurer;
select app.remember('security_assurance', 'SecurityAssurance'), app.remember('evidence', 'Evidence');

-- The assurance that counts for a product now: the newest submitted of those on the builds on which results count,
-- whatever became of it; so a newer pack of evidence re-opens what the one before had closed. Null: none.
-- The tables are named without their schema: over the schema `known` it tells what counted then (0006).
create function app.assurance_that_counts(supplier text, product_ uuid) returns uuid language sql stable parallel safe as $$
    select a.id from product p
    join build latest on latest.tenant_ods = p.tenant_ods and latest.id = p.current_build_id
    join security_assurance a on a.tenant_ods = p.tenant_ods and a.product_id = p.id
    join build b on b.tenant_ods = a.tenant_ods and b.id = a.build_id
    where p.tenant_ods = supplier and p.id = product_ and b.number >= latest.results_count_from
    and a.submitted_at is not null
    order by a.submitted_at desc, a.id desc
    limit 1
$$;

revoke execute on function app.by_a_person, app.begin_assurance, app.move_assurance, app.complete_assurance,
    app.assurance_that_counts from public;
grant execute on function app.by_a_person, app.begin_assurance, app.move_assurance, app.complete_assurance,
    app.assurance_that_counts
    to app_assurer, app_auditor, app_icb, app_national, app_region, app_supplier, app_trust;
