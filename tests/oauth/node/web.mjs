// What the flows of oauth4webapi share: the server met by its description, the client and its proof.

import * as oauth from 'oauth4webapi'

import { binding, proving } from './keys.mjs'

/** Lets the library speak plain HTTP, as servers under test do. */
export const plain = { [oauth.allowInsecureRequests]: true }

/** Discover the server, and return it beside the client, its proof, and the options of its requests. */
export async function meet({ issuer, algorithm = 'oauth2', client_id, key, secret, dpop }) {
  const url = new URL(issuer)
  const as = await oauth.processDiscoveryResponse(url, await oauth.discoveryRequest(url, { algorithm, ...plain }))
  const client = { client_id }
  const DPoP = dpop && oauth.DPoP(client, await binding(dpop))
  return { as, client, auth: await proof(key, secret), options: { ...plain, DPoP } }
}

async function proof(key, secret) {
  if (key) return oauth.PrivateKeyJwt(await proving(key))
  return secret ? oauth.ClientSecretBasic(secret) : oauth.None()
}

/** Send a request and read its answer; once more where the server wants its nonce in the proof. */
export async function answered(send, read) {
  const once = async () => read(await send())
  return once().catch((error) => {
    if (!oauth.isDPoPNonceError(error)) throw error
    return once()
  })
}

/** Reads a token's answer, with what its id token claims once its signature is verified. */
export function tokens(as, read) {
  return async (response) => {
    const got = await read(response)
    const claims = oauth.getValidatedIdTokenClaims(got)
    if (claims) await oauth.validateApplicationLevelSignature(as, response, plain)
    return { ...got, claims }
  }
}
