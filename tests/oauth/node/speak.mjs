// How every flow is asked and answers: one JSON on standard input, one JSON line on standard output.

import { text } from 'node:stream/consumers'

/** Run the flow of the library that is asked for; print what it `got`, or how it was `refused` by either side. */
export async function speak(flows) {
  const { library = 'oauth4webapi', ...asked } = JSON.parse(await text(process.stdin))
  console.log(JSON.stringify(await told(flows[library], asked)))
}

async function told(flow, asked) {
  try {
    return { got: await flow(asked) }
  } catch (error) {
    // What carries no code of OAuth's is a mistake of ours, and ends the script.
    if (!String(error.code).startsWith('OAUTH_')) throw error
    return { refused: refusal(error) }
  }
}

function refusal({ code, message, status, error, error_description, cause }) {
  const challenges = Array.isArray(cause) ? cause : undefined
  return { code, message, status: status ?? cause?.status, error, error_description, challenges }
}
