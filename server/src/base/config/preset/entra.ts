import type { Preset } from '../preset.ts'

const tenant = /^\/([0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})\/v2\.0$/

/** @see docs/guide/providers/entra.md */
export const entra: Preset = {
  issuerProblem({ pathname }) {
    if (/^\/(?:common|organizations|consumers)(?:\/|$)/.test(pathname))
      return 'is for every tenant of the world: name yours, and one provider for each where there are several'
    return tenant.test(pathname)
      ? undefined
      : 'must be `https://login.microsoftonline.com/<tenant id>/v2.0`, with the id of the tenant in lower case'
  },
  scopes: ['openid', 'profile', 'email', 'User.Read'],
  groups: ['groups'],
  signing: { impossible: 'Entra ID takes certificates, and no keys at an address: use `clientSecretEnv`' },
  requires: ({ pathname }) => ({ tid: [tenant.exec(pathname)?.[1] ?? ''] }),
}
