// Ends a `token` (RFC 7009).

import * as oauth from 'oauth4webapi'
import * as openidClient from 'openid-client'

import * as openid from './openid.mjs'
import { speak } from './speak.mjs'
import * as web from './web.mjs'

await speak({
  async 'oauth4webapi'({ token, ...asked }) {
    const { as, client, auth } = await web.meet(asked)
    await oauth.processRevocationResponse(await oauth.revocationRequest(as, client, auth, token, web.plain))
    return {}
  },

  async 'openid-client'({ token, ...asked }) {
    await openidClient.tokenRevocation((await openid.meet(asked)).config, token)
    return {}
  },
})
