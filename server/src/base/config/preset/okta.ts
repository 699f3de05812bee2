import type { Preset } from '../preset.ts'

/** @see docs/guide/providers/okta.md */
export const okta: Preset = {
  issuerProblem({ hostname, pathname }) {
    if (/-admin\.okta/.test(hostname)) return 'is the address of the administrators: leave `-admin` out'
    return /^\/(?:oauth2\/[A-Za-z0-9]+)?$/.test(pathname)
      ? undefined
      : 'must be `https://<org>.okta.com`, or `https://<org>.okta.com/oauth2/<server>` for a custom authorization server'
  },
  scopes: ['openid', 'profile', 'email', 'groups'],
  groups: ['groups'],
  signing: { audience: 'token_endpoint' },
}
