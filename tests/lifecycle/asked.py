"""What the ground asks of its database, past every policy."""

from tests.lifecycle.invariants import EARLY, HELD, UNFOUNDED

# What is looked at once, when it is reached: later a gate may turn red, or a hold be placed.
REACHED = {("syst", "APPROVED"): UNFOUNDED, ("syst", "REINSTATING"): HELD, ("wave", "OPEN"): EARLY}
TABLES = """
    select c.relname as name, string_agg(quote_ident(a.attname), ', ' order by a.attnum) as columns
    from pg_class c join pg_attribute a on a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped
    where c.relnamespace = 'public'::regnamespace and c.relkind = 'r' and a.attgenerated = ''
    and c.relname <> all ($1::text[])
    group by c.relname order by c.relname
"""
REHASHED = """
    update decision_record set snapshot_hash = encode(sha256(convert_to(gate_snapshot::text, 'UTF8')), 'hex')
    where id = any ($1::uuid[])
"""  # the gates in it have other keys now
CHECK = """
    select (select sum(last.sequence)::bigint from unnest($2::text[]) o (code) cross join lateral (
                select e.sequence from event e where e.tenant_ods = o.code order by e.sequence desc limit 1
            ) last) as events,
        array(select tenant_ods::text from system where product_id = $1 order by id) as trusts,
        array(select state::text from system where product_id = $1 order by id) as states,
        array(select state::text from wave where product_id = $1 order by number) as waves,
        array(select h.state::text from hold h
              where h.product_id = $1 or h.build_id in (select id from build where product_id = $1)
              or h.system_id in (select id from system where product_id = $1)
              or h.wave_id in (select id from wave where product_id = $1)
              or h.incident_id in (select incident_id from system where product_id = $1)
              order by h.state::text) as holds
"""
