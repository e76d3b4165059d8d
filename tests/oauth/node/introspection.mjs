// Asks what the server says of a `token` (RFC 7662).

import * as oauth from 'oauth4webapi'
import * as openidClient from 'openid-client'

import * as openid from './openid.mjs'
import { speak } from './speak.mjs'
import * as web from './web.mjs'

await speak({
  async 'oauth4webapi'({ token, ...asked }) {
    const { as, client, auth } = await web.meet(asked)
    const response = await oauth.introspectionRequest(as, client, auth, token, web.plain)
    return oauth.processIntrospectionResponse(as, client, response)
  },

  async 'openid-client'({ token, ...asked }) {
    return openidClient.tokenIntrospection((await openid.meet(asked)).config, token)
  },
})
