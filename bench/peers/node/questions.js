// What both servers ask of the database, batched; each row has the names of its GraphQL type.
import { randomUUID } from 'node:crypto';

const PROGRESS = `select tenant_ods as "tenantOds", system_id as "systemId", state, testing,
  percent_met as "percentMet", latest_report_id as "latestReportId" from progress`;
const IN_ORDER = 'order by region_ods, organisation_name, system_name';
const SYSTEM = `id, name, state, hosting, criticality, teams_total as "teamsTotal", accounts_total as "accountsTotal"`;
const REPORT = 'id, version, test, outcome, reported_at as "reportedAt"';

const ORGANISATIONS = 'select ods_code as "odsCode", name from organisation where ods_code = any($1)';
const SYSTEMS = `select ${SYSTEM} from system where id = any($1)`;
const REPORTS = `select ${REPORT} from test_report where id = any($1)`;
const MILESTONES = paged(
  `id, title, kind, status, baseline_on as "baselineOn", forecast_on as "forecastOn",
  coalesce((actual_at at time zone 'UTC')::date, forecast_on) - baseline_on as "slippedDays"`,
  'milestone',
  'system_id',
);
const FORECASTS = paged(
  'number, forecast_on as "forecastOn", moved_days as "movedDays", reason_code as "reasonCode", note',
  'milestone_forecast',
  'milestone_id',
);

const TESTED = 'update bench_system set current_build_id = $2, version = version + 1 where id = $1';
const REPORTED = `insert into bench_report (tenant_ods, id, version, created_at, created_by, outcome, planned, run,
  passed, failed, blocked, entry_met, exit_met, environment, notes, system_id, supplier_ods, build_id, region_ods, test,
  as_of, reported_at)
  select tenant_ods, $3, 1, now(), tenant_ods || '-client', $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, id,
  supplier_ods, $2, region_ods, $14, coalesce($15, now()), now() from bench_system where id = $1 returning ${REPORT}`;
const AUDITED = `insert into bench_audit (tenant_ods, actor, verb, object_type, object_key, row)
  select tenant_ods, created_by, 'reportTest', 'TestReport', id, to_jsonb(report) from bench_report report
  where id = $1 returning object_key as key, actor, verb, object_type as "objectType", recorded_at as "recordedAt",
  row as after`;

/** A global id: the noun and the key of a row. */
export const globalId = (noun, key) => Buffer.from(`${noun}:${key}`).toString('base64url');
const key = (id) => Buffer.from(id, 'base64url').toString().split(':');

export function progress(tx, region) {
  if (region == null) return tx.query('all_progress', `${PROGRESS} ${IN_ORDER}`, []);
  return tx.query('progress', `${PROGRESS} where region_ods = $1 ${IN_ORDER}`, [region]);
}

export async function node(tx, id) {
  const [noun, uuid] = key(id);
  if (noun !== 'System') return null;
  const [system] = await systems(tx, [uuid]);
  return system && { ...system, __typename: 'System' };
}

export const organisations = (tx, codes) => found(tx, 'organisations', ORGANISATIONS, codes, 'odsCode');
export const systems = (tx, ids) => found(tx, 'systems', SYSTEMS, ids, 'id');
export const reports = (tx, ids) => found(tx, 'reports', REPORTS, ids, 'id');
export const milestones = (tx, asked) => pages(tx, 'milestones', MILESTONES, asked);
export const forecasts = (tx, asked) => pages(tx, 'forecasts', FORECASTS, asked);

/** One round trip where statements are pipelined, six where they are not. */
export async function reportTest(tx, input) {
  const [system, build, id] = [key(input.system)[1], key(input.build)[1], randomUUID()];
  const { outcome, planned, run, passed, failed, blocked, entryMet, exitMet, notes, test, asOf } = input;
  const environment = input.environment ?? 'TRUST_TEST';
  const figures = [outcome, planned, run, passed, failed, blocked, entryMet, exitMet, environment, notes, test, asOf];
  const [, [report], [audited]] = await Promise.all([
    tx.query('tested', TESTED, [system, build]),
    tx.query('reported', REPORTED, [system, build, id, ...figures]),
    tx.query('audited', AUDITED, [id]),
    tx.commit(),
  ]);
  if (!report) return { __typename: 'NotFound', message: 'There is no such system.' };
  return { ...report, audited, __typename: 'TestReport' };
}

function paged(columns, table, parent) {
  return `select asked.place::int, page.* from unnest($1::uuid[], $2::int[]) with ordinality as asked (id, first, place)
    cross join lateral (select ${columns} from ${table} where ${parent} = asked.id order by ${table}.id
    limit asked.first) page`;
}

async function found(tx, name, text, keys, by) {
  const rows = new Map((await tx.query(name, text, [[...new Set(keys)]])).map((row) => [row[by], row]));
  return keys.map((wanted) => rows.get(wanted) ?? null);
}

async function pages(tx, name, text, asked) {
  const connections = asked.map(() => ({ nodes: [] }));
  const rows = await tx.query(name, text, [asked.map(({ id }) => id), asked.map(({ first }) => first)]);
  for (const row of rows) connections[row.place - 1].nodes.push(row);
  return connections;
}
