-- What stands between the systems and their users: the gates of the incident, assurance and safety of every build, a
-- wave of every product with all of its systems, the board's word for one system in three, and open defects.
insert into gate (
    tenant_ods, id, version, created_at, created_by, incident_id, supplier_ods, audience, code, title, scope, basis,
    owner_roles, mandatory, waivable, quorum, position
)
select tenant_ods, uuidv7(), 1, created_at, 'bench', id, supplier_ods, audience, code, initcap(replace(code, '_', ' ')), 'SYSTEM',
    (case code when 'BOARD_APPROVAL' then 'ASSESSED' else code end)::gatebasis, array[owner], true,
    code in ('TRUST_TESTING', 'DEFECTS', 'BACK_ENTRY'), 1, position
from incident, unnest(
    array['SECURITY_ASSURANCE', 'DCB0129', 'DCB0160', 'TRUST_TESTING', 'DEFECTS', 'BOARD_APPROVAL', 'BACK_ENTRY', 'SLOT'],
    array['ASSURER', 'SUPPLIER_CSO', 'TRUST_CSO', 'TRUST_IT', 'TRUST_IT', 'TRUST_EXEC', 'TRUST_IT', 'SUPPLIER_LEAD']
) with ordinality g (code, owner, position);

insert into security_assurance (
    tenant_ods, id, version, created_at, created_by, reference, product_id, build_id, state, audience, submitted_at,
    assurer_ods, decider, decided_at, confidence, valid_until, decision_reason
)
select tenant_ods, uuidv7(), 1, built_at, 'bench', 'SA-' || id, product_id, id, 'APPROVED', 'PUBLISHED', built_at,
    'ASSURER', 'assurer@ASSURER', built_at, 'HIGH', '2100-01-01', 'Clean.'
from build where bench.chance(number) % 7 > 0;

insert into safety_sign_off (
    tenant_ods, id, version, created_at, created_by, standard, supplier_ods, product_id, build_id, audience, state,
    submitted_at, signer, signed_at
)
select tenant_ods, uuidv7(), 1, built_at, 'bench', 'DCB0129', tenant_ods, product_id, id, 'PUBLISHED', 'SIGNED',
    built_at, 'supplier-cso@SUPPLIER', built_at
from build;

insert into safety_sign_off (
    tenant_ods, id, version, created_at, created_by, standard, supplier_ods, product_id, build_id, trust_ods, system_id,
    region_ods, audience, state, submitted_at, signer, signed_at
)
select tenant_ods, uuidv7(), 1, handed_over_at, 'bench', 'DCB0160', supplier_ods, product_id, current_build_id,
    tenant_ods, id, region_ods, 'PRIVATE', 'SIGNED', handed_over_at, 'trust-cso@' || tenant_ods, handed_over_at
from system where handed_over_at is not null and bench.chance(hashtext(id::text)) % 2 = 0;

insert into gate_assessment (
    tenant_ods, id, version, created_at, created_by, gate_ods, gate_id, trust_ods, system_id, supplier_ods, build_id,
    region_ods, audience, outcome, assessor_role, assessed_at
)
select s.tenant_ods, uuidv7(), 1, s.handed_over_at, 'trust-exec@' || s.tenant_ods, g.tenant_ods, g.id, s.tenant_ods, s.id,
    s.supplier_ods, s.current_build_id, s.region_ods, 'PRIVATE', 'PASSED', 'TRUST_EXEC', s.handed_over_at
from system s join gate g on g.tenant_ods = s.incident_ods and g.incident_id = s.incident_id and g.code = 'BOARD_APPROVAL'
where s.handed_over_at is not null and bench.chance(hashtext(s.id::text)) % 3 = 0;

with drawn as (
    insert into wave (
        tenant_ods, id, version, created_at, created_by, number, kind, opens_on, closes_on, order_rationale, soak_days,
        slots_a_day, product_id, incident_ods, incident_id, audience, state, proposed_at, approved_at, approver_ods,
        approver, approval_reason, member_count, live_count
    )
    select p.tenant_ods, uuidv7(), 1, p.created_at, 'bench', 0, 'MAIN', '2022-11-01', '2022-12-24', 'As they were lost.', 0,
        5, p.id, i.tenant_ods, i.id, 'PUBLISHED', 'APPROVED', p.created_at, p.created_at, 'NATIONAL',
        'national-imt@NATIONAL', 'As proposed.', 10, 0
    from product p, incident i
    returning *
)
insert into wave_member (
    tenant_ods, id, version, created_at, created_by, reason, wave_id, trust_ods, system_id, region_ods, shown, position,
    state, approved_at
)
select w.tenant_ods, uuidv7(), 1, w.created_at, 'bench', 'As it was lost.', w.id, s.tenant_ods, s.id, s.region_ods, true,
    row_number() over (partition by w.id order by s.id), 'APPROVED', w.created_at
from drawn w join system s on s.supplier_ods = w.tenant_ods and s.product_id = w.product_id;
