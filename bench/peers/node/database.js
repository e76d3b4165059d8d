// The database as a caller: a pool a role, one pipelined transaction a request.
import pg from 'pg';

const ENTER = `select set_config('app.tenant', $1, true), set_config('app.region',
  coalesce((select region_ods from organisation where ods_code = $1), ''), true)`;

const as = (parse) => (text) => (text === null ? null : parse(text));
const parsers = {
  [pg.types.builtins.DATE]: as((text) => text),
  [pg.types.builtins.TIMESTAMPTZ]: as(instant),
};
const types = { getTypeParser: (oid, format) => parsers[oid] ?? pg.types.getTypeParser(oid, format) };
const pools = new Map();
// node-postgres sends a statement when the one before is answered, unless it is asked to send them all at once.
const pipeline = process.env.PIPELINE !== 'off';

// 2022-11-07 12:00:00.5+00 → 2022-11-07T12:00:00.500000+00:00, as the product writes it.
function instant(text) {
  return `${text.replace(' ', 'T').replace(/\.\d+/, (fraction) => fraction.padEnd(7, '0'))}:00`;
}

/** The pool whose connections hold this role. */
export function pool(role) {
  if (!/^app_[a-z]+$/.test(role)) throw new Error('x-role names no role');
  if (!pools.has(role)) {
    const options = `-c role=${role} -c timezone=UTC`;
    const connectionString = process.env.DATABASE_URL;
    pools.set(role, new pg.Pool({ connectionString, options, types, max: 8, pipeline }));
  }
  return pools.get(role);
}

/** A transaction that opens with its first statement and, pipelined, sends each without waiting for the one before. */
export class Transaction {
  constructor(role, tenant) {
    this.role = role;
    this.tenant = tenant;
    this.client = null;
  }

  async query(name, text, values) {
    this.client ??= this.open();
    const client = await this.client;
    return (await client.query({ name, text, values })).rows;
  }

  async open() {
    const client = await pool(this.role).connect();
    const unheard = () => {}; // what fails here fails the statement behind it, which is heard
    client.query('begin').catch(unheard);
    client.query({ name: 'enter', text: ENTER, values: [this.tenant] }).catch(unheard);
    return client;
  }

  async commit() {
    if (!this.client) return;
    const opening = this.client;
    this.client = null;
    const client = await opening;
    try {
      await client.query('commit');
      client.release();
    } catch (error) {
      client.release(error);
      throw error;
    }
  }
}
