-- Q3 as well as PostgreSQL can: by primary key, the answer as one text, the scope in the same round trip.
select case when set_config('app.tenant', {tenant}, true) is not null and set_config('app.region', {region}, true) is not null
then (
    select '{"data":{"node":{"name":' || to_json(name) || ',"state":"' || state || '","hosting":"' || hosting
        || '","criticality":"' || criticality || '","teamsTotal":' || coalesce(teams_total::text, 'null')
        || ',"accountsTotal":' || coalesce(accounts_total::text, 'null') || '}}}'
    from system where tenant_ods = {tenant} and id = {system}
) end;
