// What the flows of openid-client share: the server met by its description, the client and its proof.

import * as openidClient from 'openid-client'

import { binding, proving } from './keys.mjs'

/** Discover the server, and return it configured beside the options of its requests. */
export async function meet({ issuer, algorithm = 'oauth2', client_id, key, secret, dpop }) {
  const execute = [openidClient.allowInsecureRequests, openidClient.enableNonRepudiationChecks]
  const proves = await proof(key, secret)
  const config = await openidClient.discovery(new URL(issuer), client_id, undefined, proves, { algorithm, execute })
  const DPoP = dpop && openidClient.getDPoPHandle(config, await binding(dpop))
  return { config, options: { DPoP } }
}

async function proof(key, secret) {
  if (key) return openidClient.PrivateKeyJwt(await proving(key))
  return secret ? openidClient.ClientSecretBasic(secret) : openidClient.None()
}

/** A token's answer, with what its id token claims. */
export const tokens = (got) => ({ ...got, claims: got.claims() })
