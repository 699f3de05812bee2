import { findPasswordByLogin, updatePasswordHash } from '../../store/passwords.ts'
import { findPrincipal } from '../../store/principals.ts'
import type { Store } from '../../store/store.ts'
import type { FormIdp } from '../idp.ts'
import type { PasswordHasher } from '../password.ts'

export function openLocal(parts: { store: Store; hasher: PasswordHasher }): FormIdp {
  const { store, hasher } = parts
  return {
    way: 'form',
    id: 'local',
    name: 'Password',
    async check({ login, password }) {
      const known = await findPasswordByLogin(store, login)
      const { ok, stale } = await hasher.check(password, known?.hash)
      const person = known && (await findPrincipal(store, known.principalId))
      if (!ok || !person) return { ok: false, person }
      if (stale) {
        const to = await hasher.hash(password.normalize('NFKC'))
        await updatePasswordHash(store, person.id, { from: known.hash, to })
      }
      return { ok: true, person }
    },
  }
}
