import type { Preset } from '../preset.ts'

/** @see docs/guide/providers/keycloak.md */
export const keycloak: Preset = {
  issuerProblem: ({ pathname }) =>
    /^(?:\/[^/]+)*\/realms\/[^/]+$/.test(pathname)
      ? undefined
      : 'must be the address of a realm: `https://<host>/realms/<realm>`',
  scopes: ['openid', 'profile', 'email'],
  groups: ['realm_access', 'roles'],
  signing: { audience: 'issuer' },
}
