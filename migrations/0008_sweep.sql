-- The sweep: whatever follows the ledger to drop kept answers sees whom an event reaches, and nothing of what it says.

grant usage on schema public to app_sweep;
grant select (xid, id, tenant_ods, owner_ods, trust_ods, region_ods, supplier_ods, audience) on event to app_sweep;
create policy sweep on event for select to app_sweep using (true);
