-- What is being recovered: incidents, products and builds, systems, promises and test results.

create type testkind as enum ('CONNECTIVITY', 'SMOKE', 'ACCESS', 'INTERFACE', 'DATA_INTEGRITY', 'REGRESSION', 'UAT', 'PERFORMANCE', 'PENETRATION', 'OAT', 'REPORTING_EXTRACT');
create type incidentphase as enum ('DETECTED', 'CONTAINED', 'RECOVERING', 'CLOSED');
create type incidenttype as enum ('BUSINESS_CONTINUITY', 'CRITICAL', 'MAJOR');
create type responselevel as enum ('L1', 'L2', 'L3', 'L4');
create type hosting as enum ('SUPPLIER', 'TRUST');
create type criticality as enum ('CRITICAL', 'HIGH', 'MEDIUM', 'LOW');
create type systemstate as enum ('OPERATIONAL', 'OUTAGE', 'ISOLATED', 'REBUILDING', 'AWAITING_HANDOVER', 'HANDED_OVER', 'IN_TRUST_TEST', 'READY', 'APPROVED', 'REINSTATING', 'LIVE', 'RECOVERED', 'ROLLED_BACK', 'REPLACED', 'RETIRED');
create type interimkind as enum ('BUILT_IN_HOUSE', 'OFFICE_SUITE', 'OTHER_RECORD', 'PAPER');
create type milestonekind as enum ('BUILD_READY', 'SAFETY_CASE', 'SECURITY_ASSURANCE', 'HANDOVER', 'GO_LIVE', 'RECOVERED', 'OTHER');
create type milestonestatus as enum ('PLANNED', 'IN_PROGRESS', 'MET', 'MISSED', 'CANCELLED');
create type confidence as enum ('LOW', 'MEDIUM', 'HIGH');
create type testoutcome as enum ('PASSED', 'FAILED', 'BLOCKED');
create type reasoncode as enum ('FIRST_FORECAST', 'ASSURANCE', 'DEFECT', 'FORENSIC_HOLD', 'REBUILD_LONGER', 'RESOURCE', 'EARLIER_THAN_PLANNED', 'OTHER');

create table incident (
    tenant_ods varchar(10) not null references organisation,
    id uuid not null,
    version integer not null,
    created_at timestamptz not null,
    created_by varchar(120) not null,
    reference varchar(40) not null,
    title varchar(200) not null,
    cause varchar(2000),
    detected_at timestamptz not null,
    contained_at timestamptz check (contained_at >= detected_at),
    phase incidentphase not null,
    supplier_ods varchar(10) references organisation,
    region_ods varchar(10),
    audience audience not null,
    primary key (tenant_ods, id),
    unique (tenant_ods, reference),
    foreign key (tenant_ods, region_ods) references organisation (ods_code, region_ods) on update cascade
);

create table incident_declaration (
    tenant_ods varchar(10) not null references organisation,
    id uuid not null,
    version integer not null,
    created_at timestamptz not null,
    created_by varchar(120) not null,
    type incidenttype not null,
    level responselevel not null,
    reason varchar(2000) not null,
    effective_from timestamptz,
    incident_ods varchar(10) not null,
    incident_id uuid not null,
    region_ods varchar(10),
    declared_at timestamptz not null,
    stood_down_at timestamptz,
    stand_down_effective_from timestamptz,
    primary key (tenant_ods, id),
    foreign key (incident_ods, incident_id) references incident (tenant_ods, id),
    foreign key (tenant_ods, region_ods) references organisation (ods_code, region_ods) on update cascade
);

create table product (
    tenant_ods varchar(10) not null references organisation,
    id uuid not null,
    version integer not null,
    created_at timestamptz not null,
    created_by varchar(120) not null,
    code varchar(40) not null,
    name varchar(120) not null,
    category varchar(60) not null,
    current_build_id uuid,
    primary key (tenant_ods, id),
    unique (tenant_ods, code)
);

create table build (
    tenant_ods varchar(10) not null,
    id uuid not null,
    version integer not null,
    created_at timestamptz not null,
    created_by varchar(120) not null,
    label varchar(60) not null,
    built_at timestamptz not null,
    safety_relevant_change boolean not null,
    release_notes varchar(4000),
    product_id uuid not null,
    number integer not null,
    results_count_from integer not null,
    supersedes_id uuid,
    withdrawn_at timestamptz,
    primary key (tenant_ods, id),
    unique (tenant_ods, product_id, label),
    unique (tenant_ods, product_id, number),
    foreign key (tenant_ods, product_id) references product (tenant_ods, id),
    foreign key (tenant_ods, supersedes_id) references build (tenant_ods, id)
);

create table system (
    tenant_ods varchar(10) not null references organisation,
    id uuid not null,
    version integer not null,
    created_at timestamptz not null,
    created_by varchar(120) not null,
    name varchar(120) not null,
    hosting hosting not null,
    criticality criticality not null,
    rto_hours integer,
    rpo_hours integer,
    mtpd_hours integer,
    outage_started_at timestamptz,
    last_good_data_at timestamptz,
    teams_total integer,
    accounts_total integer,
    state systemstate not null,
    supplier_ods varchar(10) not null,
    product_id uuid not null,
    incident_ods varchar(10) not null,
    incident_id uuid not null,
    current_build_id uuid,
    region_ods varchar(10),
    handed_over_at timestamptz,
    accepted_at timestamptz,
    first_live_at timestamptz,
    fully_live_at timestamptz,
    recovered_at timestamptz,
    replaced_by varchar(120),
    primary key (tenant_ods, id),
    unique (tenant_ods, product_id, incident_id, name),
    foreign key (supplier_ods, product_id) references product (tenant_ods, id),
    foreign key (incident_ods, incident_id) references incident (tenant_ods, id),
    foreign key (supplier_ods, current_build_id) references build (tenant_ods, id),
    foreign key (tenant_ods, region_ods) references organisation (ods_code, region_ods) on update cascade
);

create table interim_system (
    tenant_ods varchar(10) not null,
    id uuid not null,
    version integer not null,
    created_at timestamptz not null,
    created_by varchar(120) not null,
    kind interimkind not null,
    name varchar(120) not null,
    live_on date not null,
    closed_on date,
    system_id uuid not null,
    supplier_ods varchar(10) not null,
    region_ods varchar(10),
    primary key (tenant_ods, id),
    unique (tenant_ods, system_id, name),
    foreign key (tenant_ods, system_id) references system (tenant_ods, id),
    foreign key (tenant_ods, region_ods) references organisation (ods_code, region_ods) on update cascade
);

create table milestone (
    tenant_ods varchar(10) not null,
    id uuid not null,
    version integer not null,
    created_at timestamptz not null,
    created_by varchar(120) not null,
    kind milestonekind not null,
    title varchar(200) not null,
    baseline_on date not null,
    product_id uuid not null,
    trust_ods varchar(10),
    system_id uuid,
    region_ods varchar(10),
    audience audience not null,
    status milestonestatus not null,
    forecast_on date not null,
    confidence confidence not null,
    times_revised integer not null,
    times_slipped integer not null,
    actual_at timestamptz check ((actual_at is null) = (status <> 'MET')),
    primary key (tenant_ods, id),
    foreign key (tenant_ods, product_id) references product (tenant_ods, id),
    foreign key (trust_ods, system_id) references system (tenant_ods, id),
    foreign key (trust_ods, region_ods) references organisation (ods_code, region_ods) on update cascade
);

create table milestone_forecast (
    tenant_ods varchar(10) not null,
    id uuid not null,
    version integer not null,
    created_at timestamptz not null,
    created_by varchar(120) not null,
    confidence confidence not null,
    note varchar(2000),
    milestone_id uuid not null,
    trust_ods varchar(10),
    region_ods varchar(10),
    audience audience not null,
    number integer not null,
    forecast_on date not null,
    moved_days integer not null,
    reason_code reasoncode not null,
    primary key (tenant_ods, id),
    unique (tenant_ods, milestone_id, number),
    foreign key (tenant_ods, milestone_id) references milestone (tenant_ods, id),
    foreign key (trust_ods, region_ods) references organisation (ods_code, region_ods) on update cascade
);

create table test_milestone (
    kind testkind not null,
    title varchar(120) not null,
    mandatory boolean not null,
    position integer not null,
    primary key (kind)
);

create table test_report (
    tenant_ods varchar(10) not null,
    id uuid not null,
    version integer not null,
    created_at timestamptz not null,
    created_by varchar(120) not null,
    outcome testoutcome not null,
    planned integer not null check (planned >= run),
    run integer not null check (run = passed + failed + blocked),
    passed integer not null check (passed >= 0),
    failed integer not null check (failed >= 0),
    blocked integer not null check (blocked >= 0),
    entry_met boolean not null,
    exit_met boolean not null check (not exit_met or (entry_met and outcome = 'PASSED')),
    environment varchar(60) not null,
    notes varchar(2000),
    system_id uuid not null,
    supplier_ods varchar(10) not null,
    build_id uuid not null,
    region_ods varchar(10),
    test testkind not null,
    as_of timestamptz not null,
    reported_at timestamptz not null check (reported_at >= as_of),
    corrects_id uuid,
    reason varchar(500),
    primary key (tenant_ods, id),
    unique (tenant_ods, corrects_id),
    foreign key (tenant_ods, system_id) references system (tenant_ods, id),
    foreign key (supplier_ods, build_id) references build (tenant_ods, id),
    foreign key (test) references test_milestone (kind),
    foreign key (tenant_ods, corrects_id) references test_report (tenant_ods, id),
    foreign key (tenant_ods, region_ods) references organisation (ods_code, region_ods) on update cascade
);

alter table product add foreign key (tenant_ods, current_build_id) references build (tenant_ods, id);

insert into test_milestone (kind, title, mandatory, position) values
    ('CONNECTIVITY', 'Connectivity from the trust''s network', true, 1),
    ('SMOKE', 'Smoke test of the handed-over environment', true, 2),
    ('ACCESS', 'Access: roles, smartcards and sign-in', true, 3),
    ('INTERFACE', 'Interfaces with neighbouring systems', true, 4),
    ('DATA_INTEGRITY', 'Data integrity against the last good copy', true, 5),
    ('REGRESSION', 'Regression against the build before', false, 6),
    ('UAT', 'User acceptance by clinicians', true, 7),
    ('PERFORMANCE', 'Performance at working load', false, 8),
    ('PENETRATION', 'Penetration test', false, 9),
    ('OAT', 'Operational acceptance: backup, restore, support', true, 10),
    ('REPORTING_EXTRACT', 'Reporting extracts, e.g. MHSDS', false, 11);

create index on incident (id);
create index on incident (region_ods);
create index on incident_declaration (incident_id, id);
create index on product (id);
create index on build (id);
create index on build (product_id, id);
create index on system (id);
create index on system (region_ods, id);
create index on system (supplier_ods, id);
create index on system (incident_id, id);
create index on system (product_id, id);
create index on interim_system (id);
create index on interim_system (system_id, id);
create index on milestone (id);
create index on milestone (product_id, id);
create index on milestone (system_id, id);
create index on milestone_forecast (id);
create index on milestone_forecast (milestone_id, id);
create index on test_report (id);
create index on test_report (system_id, id);
create index on test_report (region_ods, id);
create index on test_report (supplier_ods, id);

-- Everyone may try to read everything: the policies decide which rows there are.
grant select on incident, incident_declaration, product, build, system, interim_system, milestone, milestone_forecast,
    test_milestone, test_report
    to app_assurer, app_auditor, app_icb, app_national, app_region, app_supplier, app_trust;

-- Who may write is said once, on the operations page (api/graphql/operations.py); these grants are its shadow.
grant insert on incident, incident_declaration to app_national, app_region, app_trust;
grant update (stood_down_at, stand_down_effective_from, version) on incident_declaration
    to app_national, app_region, app_trust;
grant insert on product, build, milestone, milestone_forecast to app_supplier;
grant update (current_build_id, version) on product to app_supplier;
grant update (status, forecast_on, confidence, times_revised, times_slipped, actual_at, version) on milestone
    to app_supplier;
grant insert on system, interim_system, test_report to app_trust;
grant update (current_build_id, version) on system to app_trust;

select app.protect('incident'), app.follow('incident', 'Incident', effective => 'contained_at,detected_at');
select app.protect('incident_declaration'), app.follow('incident_declaration', 'IncidentDeclaration',
    effective => 'stand_down_effective_from,effective_from');
select app.protect('product'), app.follow('product', 'Product', 'PUBLISHED');
select app.protect('build'), app.follow('build', 'Build', 'PUBLISHED', 'built_at');
create policy published on product for select to app_assurer, app_icb, app_region, app_supplier, app_trust using (true);
create policy published on build for select to app_assurer, app_icb, app_region, app_supplier, app_trust using (true);
select app.protect('system'), app.follow('system', 'System');
select app.protect('interim_system'), app.follow('interim_system', 'InterimSystem');
select app.protect('milestone'), app.follow('milestone', 'Milestone', effective => 'actual_at');
select app.protect('milestone_forecast'), app.follow('milestone_forecast', 'MilestoneForecast');
select app.protect('test_report'), app.follow('test_report', 'TestReport', effective => 'as_of');
select app.publish('test_milestone');
