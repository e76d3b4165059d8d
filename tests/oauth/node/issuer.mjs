// An issuer that is not ours, for as long as standard input is open. Its first line says what it is:
//   { port, client, audience, scope, person, alg }
// where `client` is client metadata, `person` ({ sub, acr, auth_time, … }) is who signs in, at once and without a
// page (null: she declines), and a token for `audience` is a JWT by `alg`. Each further line changes that:
//   { person } | { alg } | …       { rotate: 'keep' | 'drop' }: new keys sign, the old stay published or go
// and is answered by the keys it publishes now, the one that signs first.

import { createServer } from 'node:http'
import { createInterface } from 'node:readline'

import { Provider } from 'oidc-provider'

import { configuration, kept } from './issuer_configuration.mjs'
import { allowExchange } from './issuer_exchange.mjs'
import { newKeys } from './issuer_keys.mjs'

// The library's notices are no answers.
console.info = console.error

let asked = {}
let keys = newKeys()
let provider
const adapter = kept()
const server = createServer(answer)

for await (const line of createInterface({ input: process.stdin })) {
  const { rotate, ...changed } = JSON.parse(line)
  asked = { alg: 'ES256', ...asked, ...changed }
  if (rotate) keys = [...newKeys(), ...(rotate === 'keep' ? keys : [])]
  const issuer = `http://127.0.0.1:${asked.port}`
  provider = allowExchange(new Provider(issuer, configuration(asked, keys, adapter)))
  if (!server.listening) await new Promise((listens) => server.listen(asked.port, '127.0.0.1', listens))
  console.log(JSON.stringify({ issuer, kids: keys.filter(({ alg }) => alg === asked.alg).map(({ kid }) => kid) }))
}
process.exit()

async function answer(request, response) {
  if (!request.url.startsWith('/interaction/')) return provider.callback()(request, response)
  const { person } = asked
  const login = person && { accountId: person.sub, acr: person.acr, ts: person.auth_time }
  const result = person ? { login, consent: {} } : { error: 'access_denied' }
  await provider.interactionFinished(request, response, result).catch(({ message }) => {
    response.writeHead(400).end(message)
  })
}
