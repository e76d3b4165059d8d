// Peer: graphql-yoga, compiled by graphql-jit, relations by DataLoader.
import { readFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { useGraphQlJit } from '@envelop/graphql-jit';
import DataLoader from 'dataloader';
import { createSchema, createYoga } from 'graphql-yoga';
import { Transaction } from './database.js';
import * as ask from './questions.js';

const named = ({ __typename }) => __typename;

const resolvers = {
  Query: {
    progress: (_, { region }, { tx }) => ask.progress(tx, region),
    node: (_, { id }, { tx }) => ask.node(tx, id),
  },
  Mutation: { reportTest: (_, { input }, { tx }) => ask.reportTest(tx, input) },
  Node: { __resolveType: named },
  ReportTestAnswer: { __resolveType: named },
  SystemProgress: {
    organisation: ({ tenantOds }, _, { load }) => load.organisation.load(tenantOds),
    system: ({ systemId }, _, { load }) => load.system.load(systemId),
    latestReport: ({ latestReportId }, _, { load }) => latestReportId && load.report.load(latestReportId),
  },
  System: {
    id: ({ id }) => ask.globalId('System', id),
    milestones: ({ id }, { first }, { load }) => load.milestones.load({ id, first }),
  },
  Milestone: {
    id: ({ id }) => ask.globalId('Milestone', id),
    forecasts: ({ id }, { first }, { load }) => load.forecasts.load({ id, first }),
  },
  TestReport: { id: ({ id }) => ask.globalId('TestReport', id) },
};

function context({ request }) {
  const tx = new Transaction(request.headers.get('x-role'), request.headers.get('x-tenant'));
  const batched = (batch, options) => new DataLoader((keys) => batch(tx, keys), options);
  const load = {
    organisation: batched(ask.organisations),
    system: batched(ask.systems),
    report: batched(ask.reports),
    milestones: batched(ask.milestones, { cache: false }),
    forecasts: batched(ask.forecasts, { cache: false }),
  };
  return { tx, load };
}

// A read waits for no commit; a write has committed before it answers.
const committing = {
  onExecute: ({ args }) => ({ onExecuteDone: () => void args.contextValue.tx.commit().catch(() => {}) }),
};

const yoga = createYoga({
  schema: createSchema({ typeDefs: readFileSync(new URL('schema.graphql', import.meta.url), 'utf8'), resolvers }),
  context,
  plugins: [useGraphQlJit(), committing],
  healthCheckEndpoint: '/healthz',
  graphiql: false,
  landingPage: false,
  logging: 'error',
});
createServer(yoga).listen(Number(process.env.PORT), '127.0.0.1');
