// Peer: PostGraphile 5, its schema made from the tables, planned by Grafast.
import { createServer } from 'node:http';
import { postgraphile } from 'postgraphile';
import { makePgAdaptorWithPgClient, makePgService } from 'postgraphile/adaptors/pg';
import { grafserv } from 'postgraphile/grafserv/node';
import { PostGraphileAmberPreset } from 'postgraphile/presets/amber';
import { pool } from '../node/database.js';
import { tags } from './tags.js';

const regions = new Map(
  (await pool('app_trust').query('select ods_code, region_ods from organisation')).rows.map((row) => [
    row.ods_code,
    row.region_ods ?? '',
  ]),
);
const adaptors = new Map();

function asRole(role) {
  if (!adaptors.has(role)) adaptors.set(role, makePgAdaptorWithPgClient(pool(role)));
  return adaptors.get(role);
}

// A pool a role, as every peer has; the settings of a transaction are the library's own.
const RolePlugin = {
  name: 'RolePlugin',
  grafast: {
    middleware: {
      prepareArgs: {
        before: ['PgContextPlugin'],
        callback: async (next, { args }) => {
          const prepared = await next();
          args.contextValue.withPgClient = asRole(args.requestContext.node.req.headers['x-role']);
          return prepared;
        },
      },
    },
  },
};

const preset = {
  extends: [PostGraphileAmberPreset],
  plugins: [...tags, RolePlugin],
  disablePlugins: ['NodePlugin', 'PgMutationCreatePlugin', 'PgMutationUpdateDeletePlugin'],
  pgServices: [
    makePgService({
      pool: pool('app_trust'),
      schemas: ['public'],
      pubsub: false,
      pgSettings: ({ node }) => {
        const tenant = node.req.headers['x-tenant'];
        return { 'app.tenant': tenant, 'app.region': regions.get(tenant) ?? '' };
      },
    }),
  ],
  grafserv: { graphqlPath: '/graphql', graphiql: false, watch: false },
  grafast: { explain: false },
};

const made = postgraphile(preset);
await made.getSchema(); // a schema that cannot be made ends the process here
const serving = made.createServ(grafserv);
await serving.ready();
const graphql = serving.createHandler();
const server = createServer((request, response) => {
  if (request.url === '/healthz') response.end('ready');
  else graphql(request, response);
});
server.listen(Number(process.env.PORT), '127.0.0.1');
