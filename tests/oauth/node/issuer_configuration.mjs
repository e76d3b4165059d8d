// What the issuer is: its client, its resource, who signs in, and what its tokens say of her.

import MemoryAdapter from 'oidc-provider/lib/adapters/memory_adapter.js'

const GRANTS = [
  'authorization_code',
  'refresh_token',
  'client_credentials',
  'urn:ietf:params:oauth:grant-type:device_code',
  'urn:ietf:params:oauth:grant-type:token-exchange',
]

/** The memory of the issuer, which outlives a change of its configuration. */
export const kept = () => (model) => new MemoryAdapter(model)

/** The configuration of a provider that signs `person` in, and grants at once whatever is asked. */
export function configuration({ client, audience, scope = '', person, alg }, keys, adapter) {
  const { sub, acr, auth_time, ...more } = person ?? {}
  return {
    adapter,
    jwks: { keys },
    cookies: { keys: ['not a secret'] },
    clients: [{ grant_types: GRANTS, id_token_signed_response_alg: alg, ...client }],
    claims: { openid: ['sub', 'acr', 'auth_time', ...Object.keys(more)] },
    conformIdTokenClaims: false,
    findAccount: (_ctx, accountId) => ({ accountId, claims: () => ({ sub: accountId, ...more }) }),
    extraTokenClaims: (ctx) => said(ctx, more),
    interactions: { url: (_ctx, { uid }) => `/interaction/${uid}` },
    loadExistingGrant: (ctx) => granted(ctx, audience, scope),
    features: features(audience, scope, alg),
  }
}

function features(audience, scope, alg) {
  const resource = { scope, audience, accessTokenFormat: 'jwt', jwt: { sign: { alg } } }
  return {
    devInteractions: { enabled: false },
    clientCredentials: { enabled: true },
    deviceFlow: { enabled: true },
    dPoP: { enabled: true, nonceSecret: Buffer.alloc(32), requireNonce: () => true },
    introspection: { enabled: true },
    revocation: { enabled: true },
    resourceIndicators: {
      enabled: true,
      getResourceServerInfo: () => resource,
      useGrantedResource: () => true,
    },
  }
}

/** What a JWT access token says of a person, beside `sub`. */
function said({ oidc }, more) {
  const { AuthorizationCode, RefreshToken, DeviceCode } = oidc.entities
  const source = AuthorizationCode ?? RefreshToken ?? DeviceCode
  return source && { acr: source.acr, auth_time: source.authTime, ...more }
}

async function granted({ oidc }, audience, scope) {
  const grant = new oidc.provider.Grant({ clientId: oidc.client.clientId, accountId: oidc.session.accountId })
  grant.addOIDCScope('openid offline_access')
  grant.addResourceScope(audience, scope)
  await grant.save()
  return grant
}
