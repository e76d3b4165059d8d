-- Changes in fewer steps.

-- The first statement of a change that brings a key: enters, waits for whoever else brings the same key, and answers
-- what was given to it before. Each statement here sees what was committed before it began.
create function app.enter_once(
    tenant text, kind text, subject text, verb text, request text, clock text, key text,
    out entered_at timestamptz, out request_hash bytea, out answer text
) language plpgsql as $$
#variable_conflict use_column
begin
    entered_at := app.enter(tenant, kind, enter_once.subject, verb, request, clock);
    perform pg_advisory_xact_lock(
        hashtextextended('answer:' || tenant || ':' || enter_once.subject || ':' || enter_once.key, 0)
    );
    select g.request_hash, g.answer into request_hash, answer from given_answer g
    where g.tenant_ods = tenant and g.subject = enter_once.subject and g.key = enter_once.key;
end
$$;

revoke execute on function app.enter_once from public;
grant execute on function app.enter_once
    to app_assurer, app_auditor, app_icb, app_national, app_region, app_supplier, app_trust;
