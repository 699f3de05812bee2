import type { Preset } from '../preset.ts'

/** @see docs/guide/providers/workos.md */
export const workos: Preset = {
  issuerProblem: ({ pathname }) =>
    pathname === '/' ? undefined : 'must be the AuthKit domain without a path: `https://<name>.authkit.app`',
  scopes: ['openid', 'profile', 'email'],
  signing: { impossible: 'AuthKit takes only a secret: use `clientSecretEnv`' },
}
