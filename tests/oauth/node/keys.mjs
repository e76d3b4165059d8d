// Private JWKs as the keys of Web Cryptography.

const ALGORITHMS = {
  ES256: { name: 'ECDSA', namedCurve: 'P-256' },
  Ed25519: { name: 'Ed25519' },
  PS256: { name: 'RSA-PSS', hash: 'SHA-256' },
  RS512: { name: 'RSASSA-PKCS1-v1_5', hash: 'SHA-512' },
}

/** The key that a client proves itself with. */
export async function proving({ kid, ...jwk }) {
  return { key: await imported(jwk, 'sign'), kid }
}

/** The pair that a token is bound to. */
export async function binding({ kid, d, ...jwk }) {
  return { privateKey: await imported({ ...jwk, d }, 'sign'), publicKey: await imported(jwk, 'verify') }
}

function imported({ alg = 'ES256', use, key_ops, ...jwk }, act) {
  return crypto.subtle.importKey('jwk', jwk, ALGORITHMS[alg], act === 'verify', [act])
}
