-- Q1 as well as PostgreSQL can: from the read model, the answer as one text, the scope in the same round trip.
select case when set_config('app.tenant', {region}, true) is not null and set_config('app.region', '', true) is not null
then (
    select '{"data":{"progress":[' || coalesce(string_agg(
        '{"organisation":{"odsCode":"' || o.ods_code || '","name":' || to_json(o.name) || '},"system":{"name":'
        || to_json(s.name) || ',"state":"' || s.state || '"},"state":"' || s.state || '","testing":"'
        || case when sp.reported = 0 or sp.counted_from <> b.results_count_from then 'NOT_REPORTED'
                when sp.failing > 0 then 'OPEN_FAILURES' when sp.met = mandatory.total then 'ALL_MET'
                else 'IN_PROGRESS' end
        || '","percentMet":' || case when sp.reported > 0 and sp.counted_from = b.results_count_from
                                     then (100 * sp.met / mandatory.total)::text else 'null' end
        || ',"latestReport":' || coalesce('{"test":"' || r.test || '","outcome":"' || r.outcome || '","reportedAt":'
            || to_json(r.reported_at) || '}', 'null')
        || '}', ',' order by o.name, s.name), '') || ']}}'
    from system s
    join system_progress sp on sp.tenant_ods = s.tenant_ods and sp.system_id = s.id
    join organisation o on o.ods_code = s.tenant_ods
    join product p on p.tenant_ods = s.supplier_ods and p.id = s.product_id
    join build b on b.tenant_ods = p.tenant_ods and b.id = p.current_build_id
    left join test_report r on r.tenant_ods = s.tenant_ods and r.id = sp.latest_report_id
    cross join (select count(*) as total from test_milestone where mandatory) mandatory
    where s.region_ods = {region}
) end;
