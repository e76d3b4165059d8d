-- The scopes of staged reinstatement that people alone may hold, beside those of before (auth/scope.py).

create or replace function app.personal_scopes() returns text[] language sql immutable parallel safe
    return array['account:manage', 'assurance:decide', 'client:manage', 'decision:make', 'gate:waive', 'hold:release',
                 'issuer:manage', 'recovery:countersign', 'safety:sign', 'session:end', 'wave:approve'];
