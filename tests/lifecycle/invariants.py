"""Invariants of the domain model (B.4) as questions to the tables alone: neither views nor functions of the product."""

# What must never be so, whatever was done: the answer is what is broken. $1: the product.
BROKEN = """
    with its as materialized (
        select s.*, (select f.number from build b join build f on f.tenant_ods = b.tenant_ods
                     and f.product_id = b.product_id and f.number = b.results_count_from
                     where b.tenant_ods = p.tenant_ods and b.id = p.current_build_id) as counting
        from product p join system s on s.supplier_ods = p.tenant_ods and s.product_id = p.id where p.id = $1
    )
    select '3: ' || s.tenant_ods || ' has two slots' from its s join reinstatement_slot r on r.system_id = s.id
    where r.state in ('REQUESTED', 'CONFIRMED') group by s.tenant_ods having count(*) > 1
    union all
    select '3: ' || s.tenant_ods || ' is in two waves' from its s join wave_member m on m.system_id = s.id
    where m.state <> 'REMOVED' group by s.tenant_ods having count(*) > 1
    union all
    select '3: too many slots on ' || r.on_day from wave w join reinstatement_slot r on r.wave_id = w.id
    where w.product_id = $1 and r.state = 'CONFIRMED' group by w.id, r.on_day having count(*) > min(w.slots_a_day)
    union all
    select '4: ' || o.signer || ' tested and signed' from its s join safety_sign_off o on o.system_id = s.id
    join build b on b.id = o.build_id and b.number >= s.counting
    where o.state = 'SIGNED'
    and exists (select from test_report r where r.system_id = s.id and r.created_by = o.signer)
    union all
    select '4: ' || d.decider || ' tested and decided' from its s join go_no_go_decision d on d.system_id = s.id
    join build b on b.id = d.build_id and b.number >= s.counting
    where d.outcome in ('GO', 'GO_WITH_CONDITIONS')
    and exists (select from test_report r where r.system_id = s.id and r.created_by = d.decider)
    union all
    select '4: the supplier assessed a gate of the trust' from its s join gate_assessment a on a.system_id = s.id
    join gate g on g.id = a.gate_id
    where a.tenant_ods = s.supplier_ods and not exists (select from unnest(g.owner_roles) r where r like 'SUPPLIER%')
    union all
    select '4: the supplier assured itself' from security_assurance a
    where a.product_id = $1 and a.assurer_ods = a.tenant_ods
    union all
    select '5: a snapshot is not what its hash says' from its s join go_no_go_decision d on d.system_id = s.id
    join decision_record r on r.decision_id = d.id
    where r.snapshot_hash <> encode(sha256(convert_to(r.gate_snapshot::text, 'UTF8')), 'hex')
    or exists (
        select from event e where e.object_type = 'DecisionRecord' and e.object_key = r.id::text
        and e.row <> to_jsonb(r)
    )
    union all
    select '9: the cohorts of ' || s.tenant_ods || ' do not add up' from its s
    left join cohort c on c.system_id = s.id
    where s.cohorts_final_at is not null
    group by s.tenant_ods, s.teams_total, s.accounts_total
    having coalesce(sum(c.teams), 0) <> min(s.teams_total) or coalesce(sum(c.accounts), 0) <> min(s.accounts_total)
    union all
    select '10: a result of the future' from its s join test_report r on r.system_id = s.id where r.as_of > r.reported_at
    union all
    select '2: a live system without having been approved' from its s
    where s.state in ('APPROVED', 'REINSTATING', 'LIVE', 'RECOVERED') and not exists (
        select from go_no_go_decision d where d.system_id = s.id and d.outcome in ('GO', 'GO_WITH_CONDITIONS')
    )
"""

# What a system that is approved at this moment lacks. $1: the system, $2: the moment.
UNFOUNDED = """
    with it as materialized (
        select s.*, i.id as incident, f.number as counting from system s
        join incident i on i.id = s.incident_id
        join product p on p.id = s.product_id
        join build b on b.id = p.current_build_id
        join build f on f.product_id = p.id and f.number = b.results_count_from
        where s.id = $1
    ), waived as (
        select g.code from it join gate g on g.incident_id = it.incident join gate_waiver w on w.gate_id = g.id
        where w.system_id = it.id and w.revoked_at is null and w.until > $2::timestamptz
    )
    select missing from it cross join lateral (values
        ('security assurance', exists (
            select from (
                select a.* from security_assurance a join build b on b.id = a.build_id
                where a.product_id = it.product_id and b.number >= it.counting and a.submitted_at is not null
                order by a.submitted_at desc limit 1
            ) a where a.state = 'APPROVED' and a.valid_until > $2 and a.confidence in ('MEDIUM', 'HIGH')
        )),
        ('DCB0129', exists (
            select from safety_sign_off o join build b on b.id = o.build_id
            where o.product_id = it.product_id and o.system_id is null and o.state = 'SIGNED' and b.number >= it.counting
        )),
        ('DCB0160', exists (
            select from safety_sign_off o join build b on b.id = o.build_id
            where o.system_id = it.id and o.state = 'SIGNED' and b.number >= it.counting
            and o.signed_at > coalesce(it.rolled_back_at, '-infinity')
        )),
        ('board approval', exists (
            select from (
                select a.* from gate_assessment a join gate g on g.id = a.gate_id
                where a.system_id = it.id and g.code = 'BOARD_APPROVAL' order by a.assessed_at desc limit 1
            ) a join build b on b.id = a.build_id
            where a.outcome in ('PASSED', 'PASSED_WITH_CONDITIONS') and b.number >= it.counting
        )),
        ('test exit', exists (select from waived where code = 'TRUST_TESTING') or not exists (
            select from test_milestone m where m.mandatory and not coalesce((
                select r.exit_met from test_report r join build b on b.id = r.build_id
                where r.system_id = it.id and r.test = m.kind and b.number >= it.counting
                and not exists (select from test_report c where c.corrects_id = r.id)
                order by r.as_of desc limit 1
            ), false)
        )),
        ('no severity 1', exists (select from waived where code = 'DEFECTS') or not exists (
            select from defect d where d.system_id = it.id and d.severity = 'S1' and d.state <> 'CLOSED'
        )),
        ('workarounds', exists (select from waived where code = 'DEFECTS') or not exists (
            select from defect d where d.system_id = it.id and d.severity = 'S2' and d.state <> 'CLOSED'
            and d.workaround_accepted_at is null
        )),
        ('slot', exists (select from waived where code = 'SLOT') or exists (
            select from reinstatement_slot r where r.system_id = it.id and r.state = 'CONFIRMED'
        )),
        ('decision', coalesce((
            select d.outcome in ('GO', 'GO_WITH_CONDITIONS') from go_no_go_decision d
            where d.system_id = it.id order by d.decided_at desc limit 1
        ), false))
    ) condition (missing, met) where not met
"""

# The holds in force over a system at this moment: invariant 2. $1: the system, $2: the moment.
HELD = """
    select h.scope::text from system s join product p on p.id = s.product_id
    left join wave_member m on m.system_id = s.id and m.state = 'APPROVED'
    left join wave w on w.id = m.wave_id
    join hold h on h.state = 'PLACED' and h.effective_from <= $2::timestamptz and (
        h.system_id = s.id or h.product_id = s.product_id or h.build_id = p.current_build_id
        or h.incident_id = s.incident_id
        or h.wave_id in (select e.id from wave e where e.product_id = w.product_id
                         and e.incident_id = w.incident_id and e.number <= w.number)
    )
    where s.id = $1
"""

# What forbids a wave to be open at this moment: invariants 2 and 3. $1: the wave, $2: the moment.
EARLY = """
    select 'hold on the ' || h.scope from wave w join product p on p.id = w.product_id
    join hold h on h.state = 'PLACED' and h.effective_from <= $2::timestamptz and (
        h.product_id = w.product_id or h.build_id = p.current_build_id or h.incident_id = w.incident_id
        or h.wave_id in (select e.id from wave e where e.product_id = w.product_id
                         and e.incident_id = w.incident_id and e.number <= w.number)
    )
    where w.id = $1
    union all
    select 'not back: ' || s.tenant_ods from wave w join wave before on before.id = w.predecessor_id
    join wave_member m on m.wave_id = before.id and m.state <> 'REMOVED' join system s on s.id = m.system_id
    where w.id = $1 and before.state <> 'COMPLETE' and s.state not in ('LIVE', 'RECOVERED', 'REPLACED', 'RETIRED')
"""
