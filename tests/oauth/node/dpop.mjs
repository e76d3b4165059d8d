// Asks a resource at `url` with an `access_token`: bound, where `dpop` is its key (RFC 9449), else as a bearer.

import * as oauth from 'oauth4webapi'
import * as openidClient from 'openid-client'

import * as openid from './openid.mjs'
import { speak } from './speak.mjs'
import * as web from './web.mjs'

const JSON_BODY = { 'content-type': 'application/json' }

const request = ({ url, method = 'POST', body }) => ({
  url: new URL(url),
  method,
  headers: new Headers(body ? JSON_BODY : {}),
  body: body && JSON.stringify(body),
})

const read = async (response) => ({
  status: response.status,
  body: await (/json/.test(response.headers.get('content-type')) ? response.json() : response.text()),
})

await speak({
  async 'oauth4webapi'({ access_token, ...asked }) {
    const { options } = await web.meet(asked)
    const { url, method, headers, body } = request(asked)
    return web.answered(
      () => oauth.protectedResourceRequest(access_token, method, url, headers, body, options),
      read,
    )
  },

  async 'openid-client'({ access_token, ...asked }) {
    const { config, options } = await openid.meet(asked)
    const { url, method, headers, body } = request(asked)
    return read(await openidClient.fetchProtectedResource(config, access_token, url, method, body, headers, options))
  },
})
