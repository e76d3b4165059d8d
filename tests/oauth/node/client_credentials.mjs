// A machine signs in by its `key` (RFC 6749, 4.4; RFC 7523), and asks for the `scope`.

import * as oauth from 'oauth4webapi'
import * as openidClient from 'openid-client'

import * as openid from './openid.mjs'
import { speak } from './speak.mjs'
import * as web from './web.mjs'

await speak({
  async 'oauth4webapi'({ scope, ...asked }) {
    const { as, client, auth, options } = await web.meet(asked)
    return web.answered(
      () => oauth.clientCredentialsGrantRequest(as, client, auth, scope ? { scope } : {}, options),
      (response) => oauth.processClientCredentialsResponse(as, client, response),
    )
  },

  async 'openid-client'({ scope, ...asked }) {
    const { config, options } = await openid.meet(asked)
    return openidClient.clientCredentialsGrant(config, scope ? { scope } : {}, options)
  },
})
