// A person signs in on another device (RFC 8628): first the codes; then, with the `device` that was got, the token.
// oauth4webapi asks for the token once; openid-client, each `interval`, until there is an answer.

import * as oauth from 'oauth4webapi'
import * as openidClient from 'openid-client'

import * as openid from './openid.mjs'
import { speak } from './speak.mjs'
import * as web from './web.mjs'

await speak({
  async 'oauth4webapi'({ device, scope, parameters = {}, ...asked }) {
    const { as, client, auth, options } = await web.meet(asked)
    if (!device) {
      const response = await oauth.deviceAuthorizationRequest(as, client, auth, { scope, ...parameters }, web.plain)
      return oauth.processDeviceAuthorizationResponse(as, client, response)
    }
    const more = { ...options, additionalParameters: parameters }
    return web.answered(
      () => oauth.deviceCodeGrantRequest(as, client, auth, device.device_code, more),
      web.tokens(as, (response) => oauth.processDeviceCodeResponse(as, client, response)),
    )
  },

  async 'openid-client'({ device, scope, parameters = {}, ...asked }) {
    const { config, options } = await openid.meet(asked)
    if (!device) return openidClient.initiateDeviceAuthorization(config, { scope, ...parameters })
    return openid.tokens(await openidClient.pollDeviceAuthorizationGrant(config, device, parameters, options))
  },
})
