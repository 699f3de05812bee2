import type { Clock } from '../base/clock.ts'
import type { Config } from '../base/config.ts'
import type { Dialer } from '../base/dial.ts'
import type { Store } from '../store/store.ts'
import type { ClientKeys } from './client-keys.ts'
import { openBridge } from './idp/bridge.ts'
import { openLocal } from './idp/local.ts'
import { openOidc } from './idp/oidc.ts'
import type { Idp } from './idp.ts'
import type { PasswordHasher } from './password.ts'

/**
 * The identity providers of a configuration, in the order in which the sign-in page offers them. A new kind is one file in
 * `idp/` and one line here.
 */
export function openIdps(parts: {
  config: Pick<Config, 'login'>
  store: Store
  hasher: PasswordHasher
  dialer: Pick<Dialer, 'fetch'>
  clock: Clock
  keys: ClientKeys
}): Idp[] {
  const { store, hasher, dialer, clock, keys } = parts
  return [
    ...(parts.config.login.local.enabled ? [openLocal({ store, hasher })] : []),
    ...parts.config.login.oidc.map((provider) => openOidc({ provider, dialer, clock, keys })),
    ...parts.config.login.bridge.map((application) => openBridge(application, clock)),
  ]
}
