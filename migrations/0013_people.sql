-- People sign in: accounts, memberships, secrets, sessions, grants, federated issuers.

create type role as enum (
    'ADMINISTRATOR', 'ASSURER', 'AUDITOR', 'ICB', 'NATIONAL_IMT', 'REGION', 'SUPPLIER_CSO', 'SUPPLIER_LEAD',
    'TRUST_CSO', 'TRUST_EXEC', 'TRUST_IT', 'TRUST_SIRO'
);
create type accountstatus as enum ('ACTIVE', 'SUSPENDED');
create type membershipstatus as enum ('ACTIVE', 'ENDED');
create type clientkind as enum ('APPLICATION', 'MACHINE');
create type issuershape as enum ('CIS2', 'PLAIN');
create type issuerstatus as enum ('ACTIVE', 'DISABLED');

-- The scopes that people alone may hold: acts that decide, and acts that say who may (auth/scope.py).
create function app.personal_scopes() returns text[] language sql immutable parallel safe
    return array['account:manage', 'assurance:decide', 'client:manage', 'decision:make', 'hold:release',
                 'issuer:manage', 'safety:sign', 'session:end', 'wave:approve'];

alter table api_client
    add column kind clientkind not null default 'MACHINE',
    add column redirect_uris text[] not null default '{}',
    add column dpop_bound boolean not null default false,
    add column everyone boolean not null default false,
    add constraint machines_do_not_decide check (kind = 'APPLICATION' or not scopes && app.personal_scopes()),
    add constraint machines_go_nowhere check (kind = 'APPLICATION' or redirect_uris = '{}');
alter table api_client alter column kind drop default, alter column redirect_uris drop default,
    alter column dpop_bound drop default, alter column everyone drop default;
create policy own_people on api_client as restrictive for insert
    to app_assurer, app_auditor, app_icb, app_national, app_region, app_supplier, app_trust with check (not everyone);

create table account (
    tenant_ods varchar(10) not null references organisation,
    id uuid not null,
    version integer not null,
    created_at timestamptz not null,
    created_by varchar(120) not null,
    subject varchar(60) not null check (subject ~ '^[a-z0-9][a-z0-9._-]{1,39}@[A-Z0-9]{3,10}$'),
    status accountstatus not null,
    signed_out_at timestamptz, -- whoever signed in by it before is signed out, wherever; auth time, as in session
    primary key (tenant_ods, id),
    unique (tenant_ods, subject),
    check (subject like '%@' || tenant_ods)
);
create index on account (id);
create index on account (subject);
create index on account (signed_out_at) where signed_out_at is not null;

create table membership (
    tenant_ods varchar(10) not null references organisation,
    id uuid not null,
    version integer not null,
    created_at timestamptz not null,
    created_by varchar(120) not null,
    subject varchar(60) not null,
    role role not null,
    status membershipstatus not null,
    primary key (tenant_ods, id)
);
create unique index one_active_role on membership (tenant_ods, subject, role) where status = 'ACTIVE';
create index on membership (id);
create index on membership (subject);

-- A role belongs to its kinds of organisation, whoever writes the row.
create function app.fits_kind() returns trigger language plpgsql as $$
declare
    kind text := (select o.kind from organisation o where o.ods_code = to_jsonb(new) ->> tg_argv[0]);
begin
    if new.role <> 'ADMINISTRATOR' and new.role::text not in (kind, kind || '_IMT', kind || '_CSO', kind || '_LEAD',
                                                             kind || '_EXEC', kind || '_IT', kind || '_SIRO') then
        raise exception 'the role % is none of an organisation of kind %', new.role, kind using errcode = 'check_violation';
    end if;
    return new;
end
$$;
create trigger fits_kind before insert on membership for each row execute function app.fits_kind('tenant_ods');

create table issuer (
    tenant_ods varchar(10) not null references organisation,
    id uuid not null,
    version integer not null,
    created_at timestamptz not null,
    created_by varchar(120) not null,
    iss varchar(300) not null,
    name varchar(100) not null,
    shape issuershape not null,
    modes text[] not null check (modes <@ array['ACCESS', 'EXCHANGE', 'LOGIN'] and modes <> '{}'),
    algorithms text[] not null check (algorithms <@ array['ES256', 'Ed25519', 'PS256', 'RS256', 'RS512'] and algorithms <> '{}'),
    jwks_uri varchar(300) not null,
    token_audience varchar(300) not null,
    client_id varchar(80),
    authorization_endpoint varchar(300),
    token_endpoint varchar(300),
    userinfo_endpoint varchar(300),
    org_claim varchar(80) not null,
    role_claim varchar(80) not null,
    accepted_acr text[] not null,
    step_up_acr text[] not null,
    tenants text[] not null check (tenants <> '{}'),
    status issuerstatus not null,
    primary key (tenant_ods, id),
    unique (tenant_ods, iss)
);
create index on issuer (id);

create table issuer_mapping (
    tenant_ods varchar(10) not null references organisation,
    id uuid not null,
    version integer not null,
    created_at timestamptz not null,
    created_by varchar(120) not null,
    issuer_id uuid not null,
    org_code varchar(80) not null,
    role_code varchar(80) not null,
    organisation_ods varchar(10) not null references organisation,
    role role not null,
    active boolean not null,
    primary key (tenant_ods, id),
    foreign key (tenant_ods, issuer_id) references issuer (tenant_ods, id)
);
create index on issuer_mapping (id);
create index on issuer_mapping (tenant_ods, issuer_id);

-- A mapping stays within the organisations its issuer is bound to: no claim ever reaches another.
create function app.within_issuer() returns trigger language plpgsql as $$
begin
    if not exists (
        select from issuer i
        where i.tenant_ods = new.tenant_ods and i.id = new.issuer_id and new.organisation_ods = any (i.tenants)
    ) then
        raise exception 'the issuer does not speak for %', new.organisation_ods using errcode = 'check_violation';
    end if;
    return new;
end
$$;
create trigger within_issuer before insert or update on issuer_mapping for each row execute function app.within_issuer();
create trigger fits_kind before insert on issuer_mapping for each row execute function app.fits_kind('organisation_ods');

create table session (
    tenant_ods varchar(10) not null references organisation,
    id uuid not null,
    subject varchar(60) not null,
    client_id varchar(80) not null,
    roles text[] not null,
    scopes text[] not null,
    acr varchar(20) not null,
    authenticated_at timestamptz not null,
    issuer varchar(300),
    jkt varchar(64),
    started_at timestamptz not null,
    last_used_at timestamptz not null,
    expires_at timestamptz not null,
    ended_at timestamptz,
    primary key (tenant_ods, id)
);
create index on session (id);
create index on session (subject);
create index on session (client_id, expires_at); -- a revoked client takes along the sessions that were begun for it
create index on session (ended_at) where ended_at is not null;
create index on session (expires_at) where issuer is not null and ended_at is null;

create table session_end (
    tenant_ods varchar(10) not null references organisation,
    id uuid not null,
    version integer not null,
    created_at timestamptz not null,
    created_by varchar(120) not null,
    session_id uuid not null,
    subject varchar(60) not null,
    reason varchar(2000) not null,
    primary key (tenant_ods, id),
    foreign key (tenant_ods, session_id) references session (tenant_ods, id)
);
create index on session_end (id);
create index on session_end (tenant_ods, session_id);

select app.protect('account'), app.follow('account', 'Account');
select app.protect('membership'), app.follow('membership', 'Membership');
select app.protect('issuer'), app.follow('issuer', 'Issuer');
select app.protect('issuer_mapping'), app.follow('issuer_mapping', 'IssuerMapping');
select app.protect('session_end'), app.follow('session_end', 'SessionEnd');
select app.protect('session');

-- Administrators of every kind of organisation, the operator, and sign-in, which reads them all.
do $$
declare
    everyone text := 'app_assurer, app_auditor, app_icb, app_national, app_region, app_supplier, app_trust';
    tab text;
begin
    foreach tab in array array['account', 'membership', 'issuer', 'issuer_mapping', 'session_end'] loop
        execute format('grant select, insert on %I to %s, app_operator', tab, everyone);
        execute format('grant select on %I to app_sign_in', tab);
        execute format('create policy operate on %I to app_operator using (true) with check (true)', tab);
        execute format('create policy sign_in on %I for select to app_sign_in using (true)', tab);
    end loop;
    foreach tab in array array['account', 'membership', 'issuer'] loop
        execute format('grant update (status, version) on %I to %s, app_operator', tab, everyone);
    end loop;
    execute format('grant update (signed_out_at) on account to %s, app_operator', everyone);
    execute format('grant update (active, version) on issuer_mapping to %s, app_operator', everyone);
    execute format('grant select on session to %s, app_operator, app_sign_in', everyone);
    execute format('grant insert on api_client to %s', everyone);
    execute format('grant update (status, version) on api_client to %s', everyone);
    -- An administrator's organisation alone: another's accounts join by the operator.
    execute format('create policy own_accounts on membership as restrictive for insert to %s '
                   'with check (subject like ''%%@'' || tenant_ods)', everyone);
    -- An administrator's issuer speaks for its own organisation alone.
    execute format('create policy own_tenant on issuer as restrictive for insert to %s '
                   'with check (tenants = array[tenant_ods::text])', everyone);
end
$$;
create policy own_names on api_client as restrictive for insert
    to app_assurer, app_auditor, app_icb, app_national, app_region, app_supplier, app_trust
    with check (client_id like lower(tenant_ods) || '-%'); -- so that no stranger's id is met
create policy operate on session for select to app_operator using (true);
create policy sign_in on session to app_sign_in using (true) with check (true);
grant insert, update on session to app_sign_in;

-- As known at an instant: whatever changes comes from the ledger; of a session we know its beginning and its end.
select app.remember('api_client', 'ApiClient');
select app.remember('account', 'Account');
select app.remember('membership', 'Membership');
select app.remember('issuer', 'Issuer');
select app.remember('issuer_mapping', 'IssuerMapping');
select app.remember('session_end', 'SessionEnd');
create view known.session with (security_invoker = true) as
    select tenant_ods, id, subject, client_id, roles, scopes, acr, authenticated_at, issuer, jkt, started_at,
        least(last_used_at, (select app.known_at())) as last_used_at, expires_at,
        case when ended_at <= (select app.known_at()) then ended_at end as ended_at
    from public.session where started_at <= (select app.known_at());
grant select on known.session to app_assurer, app_auditor, app_icb, app_national, app_region, app_supplier, app_trust;

create table one_time_password (
    tenant_ods varchar(10) not null references organisation,
    id uuid not null,
    subject varchar(60) not null check (subject like '%@' || tenant_ods),
    password_hash varchar(300) not null,
    made_at timestamptz not null,
    expires_at timestamptz not null,
    used_at timestamptz,
    primary key (tenant_ods, id)
);
create index on one_time_password (subject);
alter table one_time_password enable row level security;
alter table one_time_password force row level security;
create policy give on one_time_password for insert
    to app_assurer, app_auditor, app_icb, app_national, app_region, app_supplier, app_trust, app_operator
    with check (tenant_ods = (select app.tenant()));
create policy sign_in on one_time_password to app_sign_in using (true);
grant insert on one_time_password
    to app_assurer, app_auditor, app_icb, app_national, app_region, app_supplier, app_trust, app_operator;
grant select, update (used_at) on one_time_password to app_sign_in;

create table credential (
    subject varchar(60) primary key,
    password_hash varchar(300),
    password_set_at timestamptz,
    totp_sealed text,
    totp_step bigint
);

create table browser_session (
    id_hash varchar(64) primary key,
    subject varchar(60) not null,
    issuer varchar(300),
    tenant_ods varchar(10),
    roles text[] not null,
    acr varchar(20) not null,
    authenticated_at timestamptz not null,
    csrf varchar(64) not null,
    started_at timestamptz not null,
    expires_at timestamptz not null,
    ended_at timestamptz
);
create index on browser_session (subject);
create index on browser_session (expires_at);

create table attempt (
    bucket varchar(120) primary key,
    failures integer not null,
    expires_at timestamptz not null
);
create index on attempt (expires_at);

create table authorization_code (
    code_hash varchar(64) primary key,
    client_id varchar(80) not null,
    scopes text[] not null,
    expires_at timestamptz not null,
    consumed_at timestamptz,
    subject varchar(60) not null,
    tenant_ods varchar(10) not null,
    roles text[] not null,
    issuer varchar(300),
    acr varchar(20) not null,
    authenticated_at timestamptz not null,
    redirect_uri varchar(2000) not null,
    challenge varchar(64) not null,
    jkt varchar(64),
    session_id uuid
);
create index on authorization_code (expires_at);

create table device_code (
    device_hash varchar(64) primary key,
    client_id varchar(80) not null,
    scopes text[] not null,
    expires_at timestamptz not null,
    consumed_at timestamptz,
    user_code varchar(20) not null unique,
    interval_s integer not null,
    last_polled_at timestamptz,
    decided_at timestamptz,
    approved boolean,
    subject varchar(60),
    tenant_ods varchar(10),
    roles text[] not null,
    issuer varchar(300),
    acr varchar(20),
    authenticated_at timestamptz
);
create index on device_code (expires_at);

create table refresh_token (
    token_hash varchar(64) primary key,
    tenant_ods varchar(10) not null,
    session_id uuid not null,
    client_id varchar(80) not null,
    issued_at timestamptz not null,
    expires_at timestamptz not null,
    rotated_at timestamptz,
    successor_hash varchar(64),
    revoked_at timestamptz
);
create index on refresh_token (session_id);
create index on refresh_token (expires_at);

create table pushed_request (
    uri_hash varchar(64) primary key,
    client_id varchar(80) not null,
    parameters jsonb not null,
    expires_at timestamptz not null,
    consumed_at timestamptz
);
create index on pushed_request (expires_at);

create table used_proof (
    jkt varchar(64) not null,
    jti varchar(64) not null,
    expires_at timestamptz not null,
    primary key (jkt, jti)
);
create index on used_proof (expires_at);

create table federated_identity (
    issuer_id uuid not null,
    sub_hash varchar(64) not null,
    tenant_ods varchar(10) not null,
    subject varchar(60) not null,
    mappings uuid[] not null, -- that it came by, ever
    primary key (issuer_id, sub_hash, tenant_ods)
);
create index on federated_identity (subject);

create table login_at_issuer (
    state_hash varchar(64) primary key,
    issuer_id uuid not null,
    nonce varchar(64) not null,
    verifier varchar(128) not null,
    browser_hash varchar(64) not null,
    return_to varchar(4000) not null,
    max_age integer not null,
    expires_at timestamptz not null,
    consumed_at timestamptz
);
create index on login_at_issuer (expires_at);

-- What sign-in alone reads and writes; the operator's sweep forgets what has expired a day ago.
do $$
declare
    tab text;
begin
    foreach tab in array array['credential', 'browser_session', 'attempt', 'authorization_code', 'device_code',
                               'refresh_token', 'pushed_request', 'used_proof', 'federated_identity', 'login_at_issuer'] loop
        execute format('alter table %I enable row level security', tab);
        execute format('alter table %I force row level security', tab);
        execute format('create policy sign_in on %I to app_sign_in using (true) with check (true)', tab);
        execute format('grant select, insert, update on %I to app_sign_in', tab);
        if exists (select from pg_attribute where attrelid = tab::regclass and attname = 'expires_at') then
            execute format('create policy forget on %I for delete to app_operator '
                           'using (expires_at < now() - interval ''1 day'')', tab);
            execute format('create policy forget_read on %I for select to app_operator '
                           'using (expires_at < now() - interval ''1 day'')', tab);
            execute format('grant select (expires_at), delete on %I to app_operator', tab);
        end if;
    end loop;
end
$$;

revoke execute on function app.personal_scopes, app.fits_kind, app.within_issuer from public;
grant execute on function app.personal_scopes, app.fits_kind, app.within_issuer
    to app_assurer, app_auditor, app_icb, app_national, app_region, app_supplier, app_trust, app_operator, app_sign_in;

-- Keys are rotated by the operator, for whom the ledger notes it; sign-in makes the first and changes none.
revoke update, delete on signing_key from app_sign_in;
grant select, insert, update, delete on signing_key to app_operator;
create policy operate on signing_key to app_operator using (true) with check (true);
create function app.record_key() returns trigger language plpgsql as $$
begin
    insert into event (
        tenant_ods, owner_ods, audience, actor, verb, object_type, object_key, row, effective_at, request_id,
        sequence, xid, recorded_at, previous_hash, hash
    ) values (
        app.tenant(), app.tenant(), 'PUBLISHED', current_setting('app.subject'), current_setting('app.verb'),
        'SigningKey', new.kid, jsonb_build_object('kid', new.kid, 'state', new.state), app.now(),
        nullif(current_setting('app.request'), ''), 0, 0, app.now(), '', ''
    );
    return null;
end
$$;
create trigger record after update on signing_key for each row
    when (new.state = 'CURRENT' and old.state <> 'CURRENT') execute function app.record_key();
revoke execute on function app.record_key from public;
grant execute on function app.record_key to app_operator;
