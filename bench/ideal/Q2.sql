-- Q2 as well as PostgreSQL can: two index scans, joined text, the scope in the same round trip.
select case when set_config('app.tenant', {tenant}, true) is not null and set_config('app.region', {region}, true) is not null
then (
    select '{"data":{"node":{"name":' || to_json(s.name) || ',"state":"' || s.state || '","milestones":{"nodes":['
        || coalesce((
            select string_agg(
                '{"id":"' || rtrim(translate(encode(convert_to('Milestone:' || m.id, 'UTF8'), 'base64'), '+/', '-_'), '=')
                || '","title":' || to_json(m.title) || ',"kind":"' || m.kind || '","status":"' || m.status
                || '","baselineOn":"' || m.baseline_on || '","forecastOn":"' || m.forecast_on || '","slippedDays":'
                || (coalesce((m.actual_at at time zone 'UTC')::date, m.forecast_on) - m.baseline_on)
                || ',"forecasts":{"nodes":[' || coalesce((
                    select string_agg(
                        '{"number":' || f.number || ',"forecastOn":"' || f.forecast_on || '","movedDays":' || f.moved_days
                        || ',"reasonCode":"' || f.reason_code || '","note":' || coalesce(to_json(f.note)::text, 'null')
                        || '}', ',')
                    from (select * from milestone_forecast where milestone_id = m.id order by id limit 5) f
                ), '') || ']}}', ',')
            from (select * from milestone where system_id = s.id order by id limit 40) m
        ), '') || ']}}}}'
    from system s where s.tenant_ods = {tenant} and s.id = {system}
) end;
