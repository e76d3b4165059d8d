// Reads an `access_token` as the server at `audience` would (RFC 9068): bound, where `dpop` is its key, or a bearer's.

import * as oauth from 'oauth4webapi'

import { speak } from './speak.mjs'
import * as web from './web.mjs'

await speak({
  async 'oauth4webapi'({ access_token, audience, ...asked }) {
    const { as, options } = await web.meet(asked)
    let received
    const receive = async (url, request) => {
      received = new Request(url, request)
      return new Response()
    }
    const delivered = { ...options, [oauth.customFetch]: receive }
    await oauth.protectedResourceRequest(access_token, 'POST', new URL(audience), undefined, undefined, delivered)
    return oauth.validateJwtAccessToken(as, received, audience, web.plain)
  },
})
