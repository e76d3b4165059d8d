// Reads how the server describes itself (RFC 8414, or OpenID discovery by `algorithm: 'oidc'`).

import * as openid from './openid.mjs'
import { speak } from './speak.mjs'
import * as web from './web.mjs'

await speak({
  'oauth4webapi': async (asked) => (await web.meet(asked)).as,
  'openid-client': async (asked) => (await openid.meet(asked)).config.serverMetadata(),
})
