// Peer: fastify and mercurius, compiled by graphql-jit, relations by mercurius loaders.
import { readFileSync } from 'node:fs';
import Fastify from 'fastify';
import mercurius from 'mercurius';
import { Transaction } from './database.js';
import * as ask from './questions.js';

const named = ({ __typename }) => __typename;

const resolvers = {
  Query: {
    progress: (_, { region }, { tx }) => ask.progress(tx, region),
    node: (_, { id }, { tx }) => ask.node(tx, id),
  },
  Mutation: { reportTest: reported },
  Subscription: {
    activity: {
      subscribe: mercurius.withFilter(
        (_, __, { pubsub }) => pubsub.subscribe('activity'),
        ({ tenant }, _, context) => tenant === context.tenant,
      ),
    },
  },
  Node: { resolveType: named },
  ReportTestAnswer: { resolveType: named },
  System: { id: ({ id }) => ask.globalId('System', id) },
  Milestone: { id: ({ id }) => ask.globalId('Milestone', id) },
  TestReport: { id: ({ id }) => ask.globalId('TestReport', id) },
};

// As mercurius has it: what a mutation published is resolved again for each who listens.
async function reported(_, { input }, { tx, tenant, pubsub }) {
  const report = await ask.reportTest(tx, input);
  if (report.audited) {
    const { key, ...node } = report.audited;
    const edge = { cursor: key, node: { ...node, objectId: ask.globalId('TestReport', key) } };
    pubsub.publish({ topic: 'activity', payload: { activity: edge, tenant } });
  }
  return report;
}

const loader = (batch) => ({ loader: batch, opts: { cache: false } });
const paged = (queries) => queries.map(({ obj, params }) => ({ id: obj.id, first: params.first }));

const loaders = {
  SystemProgress: {
    organisation: loader((queries, { tx }) => ask.organisations(tx, queries.map(({ obj }) => obj.tenantOds))),
    system: loader((queries, { tx }) => ask.systems(tx, queries.map(({ obj }) => obj.systemId))),
    latestReport: loader((queries, { tx }) => ask.reports(tx, queries.map(({ obj }) => obj.latestReportId))),
  },
  System: { milestones: loader((queries, { tx }) => ask.milestones(tx, paged(queries))) },
  Milestone: { forecasts: loader((queries, { tx }) => ask.forecasts(tx, paged(queries))) },
};

const app = Fastify();
app.register(mercurius, {
  schema: readFileSync(new URL('schema.graphql', import.meta.url), 'utf8'),
  resolvers,
  loaders,
  context: ({ headers }) => ({
    tx: new Transaction(headers['x-role'], headers['x-tenant']),
    tenant: headers['x-tenant'],
  }),
  subscription: { context: (_, { headers }) => ({ tenant: headers['x-tenant'] }) },
  jit: 1,
});
app.get('/healthz', async () => 'ready');
app.after(() => {
  app.graphql.addHook('onResolution', async (_, { tx }) => {
    tx.commit().catch(() => {}); // a read waits for no commit; a write has committed before it answers
  });
});
await app.listen({ host: '127.0.0.1', port: Number(process.env.PORT) });
