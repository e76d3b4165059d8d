-- Where every gate of a system stands, and what its standing is made of: one text over the tables and over `known`.
-- Every rule that moves a system or decides about it asks this, and so do the triggers.

create type standing as enum (
    'PASSED', 'PASSED_WITH_CONDITIONS', 'WAIVED', 'IN_REVIEW', 'NOT_ASSESSED', 'NOT_REPORTED', 'STALE', 'EXPIRED', 'FAILED'
); -- from best to worst: of several conditions the greatest decides

do $$
declare
    before text := current_setting('search_path');
    place text;
    -- A system's gates, with the build that counts: `f` is the one its product's results count from.
    ground text := $q$
        from system s
        join gate g on g.tenant_ods = s.incident_ods and g.incident_id = s.incident_id
        left join product p on p.tenant_ods = s.supplier_ods and p.id = s.product_id
        left join build b on b.tenant_ods = p.tenant_ods and b.id = p.current_build_id
        left join build f on f.tenant_ods = b.tenant_ods and f.product_id = b.product_id and f.number = b.results_count_from
    $q$;
    -- The sign-off that decides: of those on builds that count the latest decided, before any that is not; else one
    -- on a build before. A review day that is past ends it, and so does a roll-back that came after.
    sign_off text := $q$
        left join lateral (
            select x.id, x.state, x.submitted_at, x.signed_at, x.withdrawn_at,
                least(x.signed_at + make_interval(days => g.max_age_days),
                      (x.next_review_on + 1)::timestamp at time zone 'Europe/London') as expires_at,
                coalesce(xb.number >= b.results_count_from, false) as fresh,
                (
                    select max(h.placed_at) from hold h
                    where h.tenant_ods = s.tenant_ods and h.trust_ods = s.tenant_ods and h.system_id = s.id
                    and h.reason_code = 'ROLLBACK' and h.state in ('PLACED', 'RELEASED') and x.standard = 'DCB0160'
                ) as rolled_back_at
            from safety_sign_off x join build xb on xb.tenant_ods = x.supplier_ods and xb.id = x.build_id
            where %s and x.state <> 'DRAFT'
            order by coalesce(xb.number >= b.results_count_from, false) desc, (x.signed_at is not null) desc,
                x.signed_at desc, x.id desc
            limit 1
        ) x on true
        cross join lateral (
            select case
                when x.id is null then 'NOT_ASSESSED'
                when not x.fresh or x.rolled_back_at >= x.signed_at then 'STALE'
                when x.state = 'SUBMITTED' then 'IN_REVIEW'
                when x.state <> 'SIGNED' then 'FAILED'
                when x.expires_at <= (select app.as_of()) then 'EXPIRED'
                else 'PASSED'
            end::standing as standing
        ) y
        cross join lateral (
            select case y.standing
                when 'NOT_ASSESSED' then s.created_at
                when 'STALE' then greatest(x.rolled_back_at, case when not x.fresh then f.created_at end)
                when 'IN_REVIEW' then x.submitted_at
                when 'EXPIRED' then x.expires_at
                else coalesce(x.withdrawn_at, x.signed_at)
            end as since
        ) z
    $q$;
    dcb0129 text := format(sign_off, 'x.supplier_ods = s.supplier_ods and x.product_id = s.product_id and x.system_id is null');
    dcb0160 text := format(sign_off, 'x.trust_ods = s.tenant_ods and x.system_id = s.id');
    worded text := $q$ case y.standing
        when 'NOT_ASSESSED' then '%1$s is not submitted'
        when 'STALE' then '%1$s was signed before ' || case when x.fresh then 'the roll-back' else 'the build that counts' end
        when 'IN_REVIEW' then '%1$s is submitted and not signed'
        when 'EXPIRED' then '%1$s is past its review'
        when 'FAILED' then '%1$s is ' || lower(x.state::text)
        else '%1$s is signed'
    end $q$;
    -- The latest assessment of each organisation in each role, of the system or of its wave. The supplier, which
    -- proposes the wave, does not count towards a quorum.
    latest text := $q$
        (
            select a.tenant_ods, a.assessor_role, a.created_by, a.id, a.assessed_at, a.expires_at, a.outcome, case
                when coalesce(ab.number, 0) < coalesce(b.results_count_from, 0) then 'STALE'
                when a.expires_at <= (select app.as_of()) and a.outcome in ('PASSED', 'PASSED_WITH_CONDITIONS')
                    then 'EXPIRED'
                else a.outcome::text
            end::standing as standing
            from (
                select distinct on (e.tenant_ods, e.assessor_role) e.* from gate_assessment e
                where e.gate_ods = g.tenant_ods and e.gate_id = g.id
                and (
                    (e.trust_ods = s.tenant_ods and e.system_id = s.id)
                    or (g.scope = 'WAVE' and e.supplier_ods = s.supplier_ods and e.wave_id = (
                        select m.wave_id from wave_member m where m.tenant_ods = s.supplier_ods
                        and m.trust_ods = s.tenant_ods and m.system_id = s.id and m.state = 'APPROVED'
                    ))
                )
                and not (g.quorum > 1 and e.tenant_ods = s.supplier_ods)
                order by e.tenant_ods, e.assessor_role, e.assessed_at desc, e.id desc
            ) a
            left join build ab on ab.tenant_ods = a.supplier_ods and ab.id = a.build_id
        )
    $q$;
    owner text := $q$ case
        when g.owner_roles <@ array['TRUST_CSO', 'TRUST_EXEC', 'TRUST_IT', 'TRUST_SIRO'] then s.tenant_ods
        when g.owner_roles <@ array['SUPPLIER_CSO', 'SUPPLIER_LEAD'] then s.supplier_ods
        when g.owner_roles = array['REGION'] then s.region_ods
    end $q$;
    -- The newest standing report of a stage, by the stage's own index: of those on builds that count, else of any.
    report text := $q$ t.id, t.outcome, t.exit_met, t.reported_at, t.as_of from test_report t
            where t.tenant_ods = s.tenant_ods and t.system_id = s.id and t.stage = stage.position
            and coalesce((select false from test_report c where c.tenant_ods = s.tenant_ods and c.corrects_id = t.id), true)
    $q$;
    newest text := $q$ order by t.as_of desc, t.reported_at desc, t.id desc limit 1 $q$;
    conditions text := $q$
        select 1 as part, 'ASSURANCE' as code, case
                when a.id is null then 'No security assurance is submitted'
                when not a.fresh then format('Security assurance %%s is of a build before', a.reference)
                when a.state = 'MORE_EVIDENCE' then format('Security assurance %%s needs more evidence', a.reference)
                else format('Security assurance %%s is %%s', a.reference, replace(lower(a.state::text), '_', ' '))
            end as what, case
                when a.id is null then 'NOT_ASSESSED'
                when not a.fresh then 'STALE'
                when a.state in ('SUBMITTED', 'UNDER_REVIEW', 'MORE_EVIDENCE') then 'IN_REVIEW'
                when a.state in ('REJECTED', 'REVOKED') then 'FAILED'
                else 'PASSED'
            end::standing as standing,
            true as counts,
            case when a.id is null then s.created_at when not a.fresh then f.created_at
                 when a.state in ('SUBMITTED', 'UNDER_REVIEW') then a.submitted_at else a.decided_at end as since,
            null::timestamptz as expires_at,
            case when a.fresh and a.state in ('SUBMITTED', 'UNDER_REVIEW') then a.assurer_ods else s.supplier_ods end
                as waits_for_ods,
            case when a.fresh and a.state in ('SUBMITTED', 'UNDER_REVIEW') then '{ASSURER}' else '{SUPPLIER_LEAD}' end::text[]
                as waits_for_roles,
            case when a.id is not null then 'SecurityAssurance' end as about_noun, a.id as about_key
        from (select 1) one left join lateral %1$s a on true
        where g.basis = 'SECURITY_ASSURANCE'
        union all
        select 2, 'CONFIDENCE', format('Its confidence is %%s; at least MEDIUM is needed', a.confidence),
            case a.confidence when 'LOW' then 'FAILED' else 'PASSED' end::standing, true, a.decided_at, null,
            s.supplier_ods, '{SUPPLIER_LEAD}', 'SecurityAssurance', a.id
        from %1$s a where g.basis = 'SECURITY_ASSURANCE' and a.fresh and a.state = 'APPROVED'
        union all
        select 3, 'VALIDITY', case when a.expires_at <= (select app.as_of()) then 'It was valid until ' else 'It is valid until ' end
                || to_char(a.expires_at at time zone 'Europe/London', 'FMDD FMMonth YYYY HH24:MI'),
            case when a.expires_at <= (select app.as_of()) then 'EXPIRED' else 'PASSED' end::standing, true,
            case when a.expires_at <= (select app.as_of()) then a.expires_at else a.decided_at end, a.expires_at,
            s.supplier_ods, '{SUPPLIER_LEAD}', 'SecurityAssurance', a.id
        from %1$s a where g.basis = 'SECURITY_ASSURANCE' and a.fresh and a.state = 'APPROVED'
        union all
        select 1, 'DCB0129', %2$s, y.standing, g.basis = 'DCB0129' or y.standing > 'WAIVED', z.since, x.expires_at,
            s.supplier_ods, '{SUPPLIER_CSO}', case when x.id is not null then 'SafetySignOff' end, x.id
        from (select 1) one %3$s where g.basis in ('DCB0129', 'DCB0160')
        union all
        select 2, 'DCB0160', %4$s, y.standing, true, z.since, x.expires_at,
            s.tenant_ods, '{TRUST_CSO}', case when x.id is not null then 'SafetySignOff' end, x.id
        from (select 1) one %5$s where g.basis = 'DCB0160'
        union all
        select stage.position, 'TEST_' || stage.kind, stage.title || case
                when r.id is null then ': not reported'
                when not r.fresh then ': reported on a build before'
                when r.exit_met then ': exit criteria met'
                else ': ' || lower(r.outcome::text) || ', exit criteria not met'
            end, case
                when r.id is null then 'NOT_REPORTED'
                when not r.fresh then 'STALE'
                when r.outcome = 'FAILED' then 'FAILED'
                when not r.exit_met then 'IN_REVIEW'
                when r.expires_at <= (select app.as_of()) then 'EXPIRED'
                else 'PASSED'
            end::standing, true,
            case when r.id is null then coalesce(s.handed_over_at, s.created_at) when not r.fresh then f.created_at
                 when r.exit_met and r.expires_at <= (select app.as_of()) then r.expires_at else r.reported_at end,
            case when r.fresh and r.exit_met then r.expires_at end,
            s.tenant_ods, '{TRUST_IT}', case when r.id is not null then 'TestReport' end, r.id
        from test_milestone stage
        left join lateral (
            select %8$s and t.build_id = any (array(
                select c.id from build c where c.tenant_ods = b.tenant_ods and c.product_id = b.product_id
                and c.number >= b.results_count_from
            )) %9$s
        ) now on true
        left join lateral (select %8$s %9$s) before on now.id is null
        cross join lateral (
            select now.id is not null as fresh, coalesce(now.id, before.id) as id,
                coalesce(now.outcome, before.outcome) as outcome, coalesce(now.exit_met, before.exit_met) as exit_met,
                coalesce(now.reported_at, before.reported_at) as reported_at,
                coalesce(now.as_of, before.as_of) + make_interval(days => g.max_age_days) as expires_at
        ) r
        where g.basis = 'TRUST_TESTING' and stage.mandatory
        union all
        select case d.severity when 'S1' then 1 else 2 end, d.id::text, format('%%s %%s is open: %%s', d.severity, d.reference, d.title), case
                when d.severity = 'S2' and d.workaround_accepted_at is not null then 'PASSED_WITH_CONDITIONS' else 'FAILED'
            end::standing, true,
            case when d.severity = 'S2' and d.workaround_accepted_at is not null then d.workaround_accepted_at
                 else d.raised_at end, null,
            case when w.role = 'SUPPLIER_LEAD' then s.supplier_ods else s.tenant_ods end, array[w.role], 'Defect', d.id
        from defect d cross join lateral (
            select case
                when d.severity = 'S2' and d.workaround_agreed_at is not null and d.workaround_accepted_at is null then 'TRUST_CSO'
                when d.state in ('FIX_READY', 'RETEST', 'REJECTED', 'DUPLICATE') then 'TRUST_IT'
                else 'SUPPLIER_LEAD'
            end as role
        ) w
        where g.basis = 'DEFECTS' and d.trust_ods = s.tenant_ods and d.system_id = s.id and d.severity in ('S1', 'S2')
        and app.defect_is_open(d.severity, d.state)
        union all
        select 1, 'BACK_ENTRY', 'Nothing is reported of what has to be back before live', 'NOT_REPORTED'::standing, true,
            s.created_at, null, s.tenant_ods, '{TRUST_IT}', null, null
        where g.basis = 'BACK_ENTRY'
        union all
        select 1, 'SLOT', case when r.id is null then 'No slot is asked for'
                else format('The slot of %%s is %%s', to_char(r.on_day, 'FMDD FMMonth YYYY'),
                            case when r.is_over then 'over' else replace(lower(r.state::text), '_', ' ') end) end,
            case when r.is_over then 'EXPIRED' when r.state = 'CONFIRMED' then 'PASSED' when r.state = 'REQUESTED' then 'IN_REVIEW'
                when r.state = 'DECLINED' then 'FAILED' else 'NOT_ASSESSED' end::standing, true,
            case when r.is_over then r.over_at when r.state = 'REQUESTED' then r.requested_at
                when r.state = 'HANDED_BACK' then r.handed_back_at else coalesce(r.decided_at, s.created_at) end, r.over_at,
            case r.state when 'REQUESTED' then s.supplier_ods else s.tenant_ods end,
            case r.state when 'REQUESTED' then '{SUPPLIER_LEAD}' else '{TRUST_EXEC,TRUST_IT}' end::text[],
            case when r.id is not null then 'ReinstatementSlot' end, r.id
        from (select 1) one left join lateral (
            select t.*, u.over_at, coalesce(u.over_at <= (select app.as_of()), false) as is_over
            from reinstatement_slot t
            cross join lateral (
                select case when t.state = 'CONFIRMED' and not app.has_begun(s.state) then app.over_at(t.ends_at) end as over_at
            ) u
            where t.tenant_ods = s.tenant_ods and t.system_id = s.id
            order by (t.state in ('CONFIRMED', 'REQUESTED')) desc, t.requested_at desc, t.id desc limit 1
        ) r on true
        where g.basis = 'SLOT'
        union all
        select 0, 'QUORUM', case
                when q.failed_by is not null then 'It is failed by ' || q.failed_by
                when q.passed >= g.quorum then case when g.quorum > 1 then format('%%s of %%s have passed it', q.passed, g.quorum)
                                                    else 'It is passed' end
                when g.quorum > 1 then format('%%s of %%s have passed it', q.passed, g.quorum)
                when q.worst is null then 'Nobody has assessed it'
                else 'Its assessment is ' || replace(lower(q.worst::text), '_', ' ')
            end, case
                when q.failed_by is not null then 'FAILED'
                when q.passed >= g.quorum and q.conditional then 'PASSED_WITH_CONDITIONS'
                when q.passed >= g.quorum then 'PASSED'
                when q.worst is not null then q.worst
                when q.passed > 0 then 'IN_REVIEW'
                else 'NOT_ASSESSED'
            end::standing, true,
            case when q.failed_by is not null then q.failed_at when q.passed >= g.quorum then q.passed_at
                 when q.worst = 'STALE' then f.created_at when q.worst = 'EXPIRED' then q.expired_at
                 else coalesce(q.waiting_since, q.passed_at, s.created_at) end,
            case when q.failed_by is null and q.passed >= g.quorum then q.expires_at end,
            %7$s, g.owner_roles, null, null
        from (
            select least(
                    count(distinct l.tenant_ods) filter (where l.standing < 'WAIVED'),
                    count(distinct l.assessor_role) filter (where l.standing < 'WAIVED'),
                    count(distinct l.created_by) filter (where l.standing < 'WAIVED')
                ) as passed,
                coalesce(bool_or(l.standing = 'PASSED_WITH_CONDITIONS'), false) as conditional,
                max(l.standing) filter (where l.standing > 'WAIVED') as worst,
                max(l.assessed_at) filter (where l.standing < 'WAIVED') as passed_at,
                min(l.expires_at) filter (where l.standing < 'WAIVED') as expires_at,
                min(l.expires_at) filter (where l.standing = 'EXPIRED') as expired_at,
                min(l.assessed_at) filter (where l.standing > 'WAIVED') as waiting_since,
                min(l.assessed_at) filter (where l.standing = 'FAILED') as failed_at,
                string_agg(l.assessor_role || ' of ' || l.tenant_ods, ', ' order by l.assessor_role, l.tenant_ods)
                    filter (where l.standing = 'FAILED') as failed_by
            from %6$s l
        ) q
        where g.basis = 'ASSESSED'
        union all
        select 1, l.tenant_ods || '_' || l.assessor_role, format('%%s of %%s: %%s', l.assessor_role, l.tenant_ods,
                replace(lower(l.standing::text), '_', ' ')),
            l.standing, false, l.assessed_at, l.expires_at,
            l.tenant_ods, array[l.assessor_role::text], 'GateAssessment', l.id
        from %6$s l where g.basis = 'ASSESSED'
    $q$;
    -- The newest submitted assurance of those on builds that count; else one on a build before (0016).
    assurance text := $q$
        (
            select a.id, a.reference, a.state, a.submitted_at, a.decided_at, a.confidence, a.assurer_ods,
                least(a.valid_until, a.decided_at + make_interval(days => g.max_age_days)) as expires_at,
                coalesce(ab.number >= b.results_count_from, false) as fresh
            from security_assurance a join build ab on ab.tenant_ods = a.tenant_ods and ab.id = a.build_id
            where a.tenant_ods = s.supplier_ods and a.product_id = s.product_id and a.submitted_at is not null
            order by coalesce(ab.number >= b.results_count_from, false) desc, a.submitted_at desc, a.id desc
            limit 1
        )
    $q$;
begin
    conditions := format(conditions, assurance, format(worded, 'The supplier''''s clinical safety case (DCB0129)'), dcb0129,
        format(worded, 'The trust''''s clinical safety case (DCB0160)'), dcb0160, latest, owner, report, newest);
    foreach place in array array['public', 'known, public'] loop
        perform set_config('search_path', place, true);
        execute format($view$
            create or replace view gate_condition with (security_invoker = true) as
            select s.tenant_ods, s.id as system_id, g.id as gate_id, c.part, c.code::varchar as code,
                c.what::varchar as what, c.standing, c.counts, c.since, c.expires_at,
                c.waits_for_ods::varchar(10) as waits_for_ods, c.waits_for_roles,
                c.about_noun::varchar as about_noun, c.about_key
            %s cross join lateral (%s) c
        $view$, ground, conditions);
        execute format($view$
            create or replace view gate_standing with (security_invoker = true) as
            select s.tenant_ods, s.id as system_id, g.tenant_ods as gate_ods, g.id as gate_id, s.incident_ods,
                s.incident_id, s.product_id, s.supplier_ods, s.region_ods, g.position, g.code, g.title, g.basis,
                g.mandatory, g.waivable, d.standing, g.mandatory and d.standing > 'WAIVED' as shut,
                case when d.standing = 'WAIVED' then w.waived_at when d.standing < 'WAIVED' then c.newest else c.since end
                    as since,
                case when d.standing = 'WAIVED' then w.until when d.standing < 'WAIVED' then c.ends_at end as expires_at,
                c.waits_for_ods::varchar(10) as waits_for_ods, coalesce(c.waits_for_roles, g.owner_roles) as waits_for_roles,
                (case when d.standing = 'WAIVED' then 'Waived; ' else '' end
                    || case when c.what is null then 'None is open'
                            when c.standing <= 'WAIVED' and c.parts > 1 then format('All %%s conditions hold', c.parts)
                            when c.others > 0 then format('%%s, and %%s more', c.what, c.others)
                            else c.what end)::varchar as detail,
                (select app.as_of()) as as_of
            %s
            left join lateral (
                select q.standing, q.since, q.what, q.waits_for_ods, q.waits_for_roles,
                    bool_or(q.standing <= 'IN_REVIEW') over () as begun,
                    min(q.expires_at) over () as ends_at, max(q.since) over () as newest,
                    count(*) over () as parts, count(*) filter (where q.standing > 'WAIVED') over () - 1 as others
                from (%s) q where q.counts order by q.standing desc, q.since, q.part limit 1
            ) c on true
            left join lateral (
                select v.waived_at, v.until from gate_waiver v
                where g.waivable and v.gate_ods = g.tenant_ods and v.gate_id = g.id
                and v.trust_ods = s.tenant_ods and v.system_id = s.id
                and v.revoked_at is null and v.until > (select app.as_of())
                order by v.until desc, v.id limit 1
            ) w on true
            cross join lateral (
                select case
                    when c.standing is null then 'PASSED'
                    when c.standing <= 'WAIVED' then c.standing
                    when w.until is not null then 'WAIVED'
                    when c.begun and c.standing in ('NOT_ASSESSED', 'NOT_REPORTED') then 'IN_REVIEW'
                    else c.standing
                end as standing
            ) d
        $view$, ground, conditions);
    end loop;
    perform set_config('search_path', before, true);
end
$$;

-- The gates that no catalogue may leave out, where that of a system's incident does.
create function app.missing_gates(whose text, which uuid) returns setof text language sql stable as $$
    select n.code from unnest(array['SECURITY_ASSURANCE', 'DCB0129', 'DCB0160', 'SLOT', 'BOARD_APPROVAL']) n (code)
    where not exists (
        select from system s join gate g on g.tenant_ods = s.incident_ods and g.incident_id = s.incident_id
        where s.tenant_ods = whose and s.id = which and g.code = n.code
    )
$$;

-- The codes of the mandatory gates that are shut for a system, in the catalogue's order; those that no catalogue may
-- leave out stand first where it does.
create function app.shut_gates(whose text, which uuid) returns text[] language sql stable as $$
    select coalesce(array_agg(c.code order by c.position, c.code), '{}') from (
        select g.code, g.position from gate_standing g where g.tenant_ods = whose and g.system_id = which and g.shut
        union all
        select m, 0 from app.missing_gates(whose, which) m
    ) c
$$;

-- The gates of a wave itself (its pilot is reviewed, say) that are shut, each once: what no wave opens past.
create function app.shut_gates_of_wave(whose text, which uuid) returns setof gate_standing language sql stable as $$
    select distinct on (g.position, g.code) g.* from wave_member m
    join gate_standing g on g.tenant_ods = m.trust_ods and g.system_id = m.system_id
    join gate c on c.tenant_ods = g.gate_ods and c.id = g.gate_id and c.scope = 'WAVE'
    where m.tenant_ods = whose and m.wave_id = which and m.state = 'APPROVED' and g.shut
    order by g.position, g.code, g.since, g.tenant_ods, g.system_id
$$;

-- Where every gate of a system stands, as a decision keeps it.
create function app.gates_of(whose text, which uuid) returns jsonb language sql stable as $$
    select coalesce(jsonb_agg(jsonb_build_object(
        'code', g.code, 'title', g.title, 'basis', g.basis, 'mandatory', g.mandatory, 'standing', g.standing,
        'shut', g.shut, 'since', g.since, 'expires_at', g.expires_at, 'detail', g.detail, 'gate', g.gate_id
    ) order by g.position, g.code), '[]')
    from gate_standing g where g.tenant_ods = whose and g.system_id = which
$$;

revoke execute on function app.missing_gates, app.shut_gates, app.shut_gates_of_wave, app.gates_of from public;
grant execute on function app.missing_gates, app.shut_gates, app.shut_gates_of_wave, app.gates_of
    to app_assurer, app_auditor, app_icb, app_national, app_region, app_supplier, app_trust;
grant select on public.gate_standing, known.gate_standing, public.gate_condition, known.gate_condition
    to app_assurer, app_auditor, app_icb, app_national, app_region, app_supplier, app_trust;
