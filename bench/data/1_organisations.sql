-- Regions, the supplier, the national team and the trusts, which are spread over the regions in turn.
insert into organisation (ods_code, name, kind, region_ods, source, demonstration, version)
select 'Y' || to_char(n, 'FM00'), 'Region ' || to_char(n, 'FM00'), 'REGION', null, 'MANUAL', true, 1
from generate_series(1, bench.size('regions')) n;

insert into organisation (ods_code, name, kind, source, demonstration, version)
values ('SUPPLIER', 'The supplier', 'SUPPLIER', 'MANUAL', true, 1),
       ('NATIONAL', 'The national team', 'NATIONAL', 'MANUAL', true, 1),
       ('ASSURER', 'The assurer', 'ASSURER', 'MANUAL', true, 1);

insert into organisation (ods_code, name, kind, region_ods, source, demonstration, version)
select 'R' || to_char(n, 'FM0000'), 'Trust ' || to_char(n, 'FM0000') || ' NHS Foundation Trust', 'TRUST',
       'Y' || to_char(1 + (n - 1) % bench.size('regions'), 'FM00'), 'MANUAL', true, 1
from generate_series(1, bench.size('trusts')) n;
