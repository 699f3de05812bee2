import type { Preset } from '../preset.ts'

/** @see docs/guide/providers/auth0.md */
export const auth0: Preset = {
  issuerProblem: (issuer) =>
    issuer.pathname === '/' ? undefined : 'must be `https://<tenant>.<region>.auth0.com/`, with the slash and no path',
  slash: true,
  scopes: ['openid', 'profile', 'email'],
  signing: { impossible: 'Auth0 takes public keys that are uploaded, and none at an address: use `clientSecretEnv`' },
}
