// Listens by a client that is not ours; a line of JSON for each thing it is told.
import { Client, fetchExchange } from '@urql/core';
import { createClient as sse } from 'graphql-sse';
import { createClient as ws } from 'graphql-ws';

const { library, url, token, query, variables, asked } = JSON.parse(process.argv[2]);
const say = (told) => console.log(JSON.stringify(told));
const headers = { authorization: `Bearer ${token}` };
const sink = { next: say, error: (error) => say({ error: String(error) }), complete: () => say({ complete: true }) };

const byUrql = () => {
  const client = new Client({
    url,
    exchanges: [fetchExchange],
    fetchOptions: { headers },
    fetchSubscriptions: true,
    preferGetMethod: false,
  });
  client.query(asked, {}).toPromise().then(({ data, error }) => say({ asked: data, error: error && String(error) }));
  client.subscription(query, variables).subscribe(({ data, error }) => say({ data, error: error && String(error) }));
};

const byWebSocket = () => {
  const client = ws({ url: url.replace('http', 'ws'), connectionParams: headers, retryAttempts: 0 });
  client.subscribe({ query: asked }, { ...sink, next: ({ data }) => say({ asked: data }), complete: () => {} });
  client.subscribe({ query, variables }, sink);
};

const byEvents = () => {
  const client = sse({ url, headers, retryAttempts: 0 });
  client.subscribe({ query: asked }, { ...sink, next: ({ data }) => say({ asked: data }), complete: () => {} });
  client.subscribe({ query, variables }, sink);
};

({ urql: byUrql, 'graphql-ws': byWebSocket, 'graphql-sse': byEvents })[library]();
