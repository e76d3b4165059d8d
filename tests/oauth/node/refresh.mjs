// Renews a token by its `refresh_token`, bound by `dpop` or not; `parameters` narrow it (scope, resource).

import * as oauth from 'oauth4webapi'
import * as openidClient from 'openid-client'

import * as openid from './openid.mjs'
import { speak } from './speak.mjs'
import * as web from './web.mjs'

await speak({
  async 'oauth4webapi'({ refresh_token, parameters = {}, ...asked }) {
    const { as, client, auth, options } = await web.meet(asked)
    const more = { ...options, additionalParameters: parameters }
    return web.answered(
      () => oauth.refreshTokenGrantRequest(as, client, auth, refresh_token, more),
      web.tokens(as, (response) => oauth.processRefreshTokenResponse(as, client, response)),
    )
  },

  async 'openid-client'({ refresh_token, parameters = {}, ...asked }) {
    const { config, options } = await openid.meet(asked)
    return openid.tokens(await openidClient.refreshTokenGrant(config, refresh_token, parameters, options))
  },
})
