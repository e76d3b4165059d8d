// Changes one token for another (RFC 8693); `parameters` are subject_token, subject_token_type and so on.

import * as oauth from 'oauth4webapi'
import * as openidClient from 'openid-client'

import * as openid from './openid.mjs'
import { speak } from './speak.mjs'
import * as web from './web.mjs'

const GRANT = 'urn:ietf:params:oauth:grant-type:token-exchange'

await speak({
  async 'oauth4webapi'({ parameters, ...asked }) {
    const { as, client, auth, options } = await web.meet(asked)
    return web.answered(
      () => oauth.genericTokenEndpointRequest(as, client, auth, GRANT, parameters, options),
      (response) => oauth.processGenericTokenEndpointResponse(as, client, response),
    )
  },

  async 'openid-client'({ parameters, ...asked }) {
    const { config, options } = await openid.meet(asked)
    return openidClient.genericGrantRequest(config, GRANT, parameters, options)
  },
})
