// A person signs in by a browser: code with PKCE S256, state, iss (RFC 9207) and, for `openid`, nonce.
// First the address to send the browser to, with what the client has to hold; then, with what the browser was
// `answered`, the token. `par` pushes the request (RFC 9126), `dpop` binds the token (RFC 9449).

import * as oauth from 'oauth4webapi'
import * as openidClient from 'openid-client'

import * as openid from './openid.mjs'
import { speak } from './speak.mjs'
import * as web from './web.mjs'

const held = ({ scope = '' }) => ({
  code_verifier: oauth.generateRandomCodeVerifier(),
  state: oauth.generateRandomState(),
  nonce: scope.split(' ').includes('openid') ? oauth.generateRandomNonce() : undefined,
})

async function parameters({ redirect_uri, scope, resource, parameters = {} }, { code_verifier, state, nonce }) {
  const code_challenge = await oauth.calculatePKCECodeChallenge(code_verifier)
  const all = { redirect_uri, scope, resource, state, nonce, code_challenge, code_challenge_method: 'S256', ...parameters }
  return Object.fromEntries(Object.entries(all).filter(([, value]) => value != null))
}

async function begun(asked, address) {
  const hold = held(asked)
  return { url: String(await address(await parameters(asked, hold))), held: hold }
}

const repeated = ({ resource }) => (resource ? { resource } : {})

await speak({
  async 'oauth4webapi'(asked) {
    const { as, client, auth, options } = await web.meet(asked)
    const { client_id } = client
    if (!asked.answered) return begun(asked, asked.par ? pushed : written)
    const { state, nonce, code_verifier } = asked.held
    const given = oauth.validateAuthResponse(as, client, new URL(asked.answered), state)
    const more = { ...options, additionalParameters: repeated(asked) }
    const checks = { expectedNonce: nonce, requireIdToken: Boolean(nonce) }
    return web.answered(
      () => oauth.authorizationCodeGrantRequest(as, client, auth, given, asked.redirect_uri, code_verifier, more),
      web.tokens(as, (response) => oauth.processAuthorizationCodeResponse(as, client, response, checks)),
    )

    function written(wanted) {
      return `${as.authorization_endpoint}?${new URLSearchParams({ client_id, response_type: 'code', ...wanted })}`
    }

    async function pushed(wanted) {
      const { request_uri } = await web.answered(
        () => oauth.pushedAuthorizationRequest(as, client, auth, { response_type: 'code', ...wanted }, options),
        (response) => oauth.processPushedAuthorizationResponse(as, client, response),
      )
      return `${as.authorization_endpoint}?${new URLSearchParams({ client_id, request_uri })}`
    }
  },

  async 'openid-client'(asked) {
    const { config, options } = await openid.meet(asked)
    if (!asked.answered) return begun(asked, asked.par ? pushed : written)
    const { state, nonce, code_verifier } = asked.held
    const checks = { expectedState: state, expectedNonce: nonce, pkceCodeVerifier: code_verifier }
    const url = new URL(asked.answered)
    return openid.tokens(await openidClient.authorizationCodeGrant(config, url, checks, repeated(asked), options))

    function written(wanted) {
      return openidClient.buildAuthorizationUrl(config, wanted)
    }

    function pushed(wanted) {
      return openidClient.buildAuthorizationUrlWithPAR(config, wanted, options)
    }
  },
})
