-- Run by a database administrator, once for a server; safe to run again.
-- owner: owns every object, cannot log in.   migrate: logs in, becomes the owner.   app: logs in without
-- any right of its own and becomes one role for each kind of caller (PostgreSQL 16: set, never inherit).
do $$
declare
    role text;
begin
    foreach role in array array[
        'reinstate_owner', 'app_assurer', 'app_auditor', 'app_icb', 'app_national', 'app_region',
        'app_supplier', 'app_trust', 'app_operator', 'app_sign_in', 'app_sweep'
    ] loop
        if not exists (select from pg_roles where rolname = role) then
            execute format('create role %I nologin nosuperuser nobypassrls noinherit', role);
        end if;
    end loop;
    foreach role in array array['reinstate_migrate', 'reinstate_app'] loop
        if not exists (select from pg_roles where rolname = role) then
            execute format('create role %I login nosuperuser nobypassrls noinherit', role);
        end if;
    end loop;
end
$$;

grant reinstate_owner to reinstate_migrate with inherit false, set true;
grant app_assurer, app_auditor, app_icb, app_national, app_region, app_supplier, app_trust, app_operator, app_sign_in,
    app_sweep to reinstate_app with inherit false, set true;

-- Bounded waits for everyone who logs in (docs/security.md).
alter role reinstate_app set statement_timeout = '5s';
alter role reinstate_app set lock_timeout = '2s';
alter role reinstate_app set idle_in_transaction_session_timeout = '10s';
alter role reinstate_migrate set lock_timeout = '30s';
