// Token exchange at the issuer (RFC 8693), as small as can be: an opaque token for another of the same person's.

import { errors } from 'oidc-provider'

const GRANT = 'urn:ietf:params:oauth:grant-type:token-exchange'
const ACCESS_TOKEN = 'urn:ietf:params:oauth:token-type:access_token'

/** Add the grant to a provider. */
export function allowExchange(provider) {
  provider.registerGrantType(GRANT, (ctx) => exchange(provider, ctx), ['subject_token', 'subject_token_type'])
  return provider
}

async function exchange(provider, ctx) {
  const { client, params } = ctx.oidc
  const subject = await provider.AccessToken.find(params.subject_token)
  if (!subject || params.subject_token_type !== ACCESS_TOKEN) throw new errors.InvalidGrant('no such subject token')
  const { accountId, grantId, scope } = subject
  const token = new provider.AccessToken({ accountId, client, grantId, scope, gty: 'token_exchange' })
  ctx.body = {
    access_token: await token.save(),
    issued_token_type: ACCESS_TOKEN,
    token_type: token.tokenType,
    expires_in: token.expiration,
  }
}
