import type { Clock } from '../base/clock.ts'
import { Fault } from '../base/fault.ts'
import { findSetting, insertSetting } from '../store/settings.ts'
import type { Store } from '../store/store.ts'
import { type Credentials, openCredentials } from './credentials.ts'
import { type Keyring, openKeyring } from './keyring.ts'
import { openSealer, type Sealer } from './sealer.ts'

/** What hides: sealed records, the gateway's own keys, the upstream credentials. */
export interface Vault extends Sealer, Keyring, Credentials {}

const canarySetting = 'vault.canary'

/**
 * Opens the vault on a store.
 *
 * Promise: when it resolves, the master key is the one that sealed what this store holds, or the store held nothing and
 * is bound to this key from now on.
 *
 * @param parts `masterKey`: exactly 32 bytes, see `readMasterKey`.
 * @throws {Fault} `vault.wrong_key` if the store was sealed by another master key; nothing was changed.
 * @throws {Fault} `vault.key_invalid` if the key has another length.
 */
export async function openVault(parts: { store: Store; masterKey: Uint8Array; clock: Clock }): Promise<Vault> {
  const { store, clock } = parts
  const sealer = openSealer(parts.masterKey)
  const canary =
    (await findSetting(store, canarySetting)) ??
    (await insertSetting(store, canarySetting, sealer.seal('canary', canarySetting, 'sallyport')))
  try {
    sealer.open('canary', canarySetting, canary)
  } catch (cause) {
    throw new Fault(
      'vault.wrong_key',
      'cannot open this data with this master key: restore the key that it was sealed with (`master.key` of the data folder, or what SALLYPORT_MASTER_KEY was), and give every replica the same one',
      { cause },
    )
  }
  return { ...sealer, ...openKeyring({ store, sealer, clock }), ...openCredentials({ store, sealer, clock }) }
}
