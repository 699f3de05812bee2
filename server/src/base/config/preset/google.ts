import type { Preset } from '../preset.ts'

/** @see docs/guide/providers/google.md */
export const google: Preset = {
  issuerProblem: ({ hostname, pathname }) =>
    pathname === '/' && hostname === 'accounts.google.com' ? undefined : 'must be `https://accounts.google.com`',
  scopes: ['openid', 'profile', 'email'],
  signing: { impossible: 'Google takes only a secret: use `clientSecretEnv`' },
  mustRequire: { hd: 'everybody with a Google account could sign in' },
  hint: 'hd',
  tellsNoAge: 'Google does not say when or how somebody proved who he is',
}
