// The keys of the issuer: one of each algorithm.

import { generateKeyPairSync, randomUUID } from 'node:crypto'

/** A new key for ES256 and one for RS256. */
export const newKeys = () => [
  made('ES256', 'ec', { namedCurve: 'P-256' }),
  made('RS256', 'rsa', { modulusLength: 2048 }),
]

function made(alg, kind, options) {
  const jwk = generateKeyPairSync(kind, options).privateKey.export({ format: 'jwk' })
  return { ...jwk, alg, use: 'sig', kid: randomUUID() }
}
