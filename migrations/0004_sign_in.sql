-- Machines that sign in, the keys tokens are signed with, and what must be used once.

create type assertionprofile as enum ('NHS', 'RFC7523');
create type clientstatus as enum ('ACTIVE', 'REVOKED');
create type keystate as enum ('PREVIOUS', 'CURRENT', 'NEXT');

create table api_client (
    tenant_ods varchar(10) not null references organisation,
    id uuid not null,
    version integer not null,
    created_at timestamptz not null,
    created_by varchar(120) not null,
    client_id varchar(80) not null,
    scopes text[] not null,
    assertion_profile assertionprofile not null,
    jwks jsonb not null,
    status clientstatus not null,
    last_used_at timestamptz,
    primary key (tenant_ods, id),
    unique (client_id)
);
create index on api_client (id);
select app.protect('api_client'), app.follow('api_client', 'ApiClient', unrecorded => 'last_used_at');
grant select on api_client to app_assurer, app_auditor, app_icb, app_national, app_region, app_supplier, app_trust,
    app_operator, app_sign_in;
grant insert on api_client to app_operator;
grant update (status, version) on api_client to app_operator;
create policy operate on api_client to app_operator using (true) with check (true);
create policy sign_in on api_client for select to app_sign_in using (true);
create policy used on api_client for update to app_sign_in using (true);
grant update (last_used_at) on api_client to app_sign_in;

-- Private keys are encrypted with the installation's key file before they come here.
create table signing_key (
    kid varchar(80) primary key,
    state keystate not null,
    public_jwk jsonb not null,
    private_jwe text,
    created_at timestamptz not null default clock_timestamp(),
    unique (state)
);

-- Assertions (RFC 7523 jti) that were used, until they would have expired anyway.
create table used_assertion (
    client_id varchar(80) not null,
    jti varchar(200) not null,
    expires_at timestamptz not null,
    primary key (client_id, jti)
);
create index on used_assertion (expires_at);

-- Access tokens that were revoked before they expired.
create table revoked_token (
    jti varchar(80) primary key,
    client_id varchar(80) not null,
    expires_at timestamptz not null
);
create index on revoked_token (expires_at);

-- The first answer to each idempotency key, in the transaction of its effect.
create table given_answer (
    tenant_ods varchar(10) not null references organisation,
    subject varchar(120) not null,
    key varchar(120) not null,
    request_hash bytea not null,
    answer text not null,
    given_at timestamptz not null default transaction_timestamp(),
    primary key (tenant_ods, subject, key)
);
create index on given_answer (given_at);
alter table given_answer enable row level security;
alter table given_answer force row level security;
create policy own on given_answer to app_assurer, app_auditor, app_icb, app_national, app_region, app_supplier, app_trust
    using (tenant_ods = (select app.tenant())) with check (tenant_ods = (select app.tenant()));
create policy forget on given_answer for delete to app_operator using (given_at < now() - interval '8 days');
create policy forget_read on given_answer for select to app_operator using (given_at < now() - interval '8 days');
grant select, insert on given_answer to app_assurer, app_auditor, app_icb, app_national, app_region, app_supplier, app_trust;
grant select (given_at), delete on given_answer to app_operator;

do $$
declare
    tab text;
begin
    foreach tab in array array['signing_key', 'used_assertion', 'revoked_token'] loop
        execute format('alter table %I enable row level security', tab);
        execute format('alter table %I force row level security', tab);
        execute format('create policy sign_in on %I to app_sign_in using (true) with check (true)', tab);
    end loop;
end
$$;
grant select, insert, update, delete on signing_key to app_sign_in;
grant select, insert on used_assertion, revoked_token to app_sign_in;
create policy forget on used_assertion for delete to app_operator using (expires_at < now());
create policy forget_read on used_assertion for select to app_operator using (expires_at < now());
create policy forget on revoked_token for delete to app_operator using (expires_at < now());
create policy forget_read on revoked_token for select to app_operator using (expires_at < now());
grant select (expires_at), delete on used_assertion, revoked_token to app_operator;
