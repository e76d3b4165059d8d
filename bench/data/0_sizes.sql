-- What the other files ask: how much of everything, when it began, and a chance that is the same in every run.
create schema bench;
create function bench.size(what text) returns integer language sql stable
    return current_setting('bench.' || what)::integer;
create function bench.start() returns timestamptz language sql immutable
    return '2022-08-04 06:00:00Z'::timestamptz;
create function bench.chance(of bigint) returns integer language sql immutable
    return (hashint8extended(of, 20220804) >> 33 & 1073741823)::integer;
