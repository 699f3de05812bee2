import type { Clock } from '../base/clock.ts'
import { Fault } from '../base/fault.ts'
import { deleteKeptLogin, findKeptLogin, putKeptLogin, replaceKeptLogin, type KeptLogin } from '../store/kept-logins.ts'
import type { Handle, Store } from '../store/store.ts'
import type { Sealer } from '../vault/sealer.ts'
import type { AskedToken, Brought, ExchangedToken, Idp, RedirectIdp } from './idp.ts'

/**
 * What the logins of people brought from the providers that the gateway asks for tokens in their name: sealed, one for each
 * person and provider, never shown, and presented to the provider that gave it and to nobody else.
 */
export interface KeptLogins {
  /**
   * Asks the provider for a token in the name of a person, for what the person's newest login there brought.
   *
   * @throws {Fault} `identity.login_needed` if nothing is kept that the provider honours: the person signs in again;
   *   `identity.provider_failed` if it cannot be asked or says no to this alone.
   * @see https://www.rfc-editor.org/rfc/rfc8693
   */
  exchangeLogin(principalId: string, provider: string, asked: AskedToken): Promise<ExchangedToken>
  /** Until when a login at this provider serves that, if one does. */
  findKept(principalId: string, provider: string): Promise<{ keptAt: number; endsAt: number } | undefined>
}

/** Keeps what logins bring: for this room's sign-ins only. */
export interface KeptLoginDesk {
  /** Keeps it within the transaction that makes the sign-in, where this provider is asked for tokens at all. */
  keep(tx: Handle, given: { principalId: string; provider: string; signInId: string; brought: Brought }): Promise<void>
}

/** A refresh token is kept no longer than a grant of ours lasts. */
const refreshMsMax = 30 * 86_400_000
/** What ends so soon is not presented any more. */
const marginMs = 10_000

/**
 * Opens them.
 *
 * @param parts `providers`: the ids of those that are asked for tokens; of others nothing is kept.
 */
export function openKeptLogins(parts: {
  store: Store
  sealer: Sealer
  clock: Clock
  idps: readonly Idp[]
  providers: ReadonlySet<string>
}): { keptLogins: KeptLogins; desk: KeptLoginDesk } {
  const { store, sealer, clock } = parts

  async function present(kept: KeptLogin, idp: Exchanging, asked: AskedToken): Promise<ExchangedToken> {
    const { idToken, idTokenEndsAt, refreshToken } = unseal(sealer, kept)
    const fresh = idTokenEndsAt > clock.now() + marginMs
    const subject = fresh ? ({ type: 'id_token', token: idToken } as const) : undefined
    const again = refreshToken === undefined ? undefined : ({ type: 'refresh_token', token: refreshToken } as const)
    const presented = subject ?? again
    if (presented === undefined) throw loginNeeded(idp, 'the ID token has ended, and there is no refresh token')
    const { refreshToken: rotated, ...answer } = await idp.exchange(presented, asked)
    if (rotated !== undefined && rotated !== refreshToken) {
      await replaceKeptLogin(store, kept, seal(sealer, kept, { idToken, idTokenEndsAt, refreshToken: rotated }))
    }
    return answer
  }

  return {
    keptLogins: {
      async exchangeLogin(principalId, provider, asked) {
        const idp = parts.idps.find((one): one is Exchanging => one.id === provider && 'exchange' in one)
        if (idp === undefined) throw new Fault('identity.not_found', 'no such provider is asked for tokens here')
        const kept = await findKeptLogin(store, { principalId, provider, now: clock.now() })
        if (kept === undefined) throw loginNeeded(idp, 'nothing is kept of a login there')
        try {
          return await present(kept, idp, asked)
        } catch (error) {
          // What the provider honours no more is not asked for again: only another login helps.
          if (error instanceof Fault && error.code === 'identity.login_needed') await deleteKeptLogin(store, kept)
          throw error
        }
      },
      async findKept(principalId, provider) {
        const kept = await findKeptLogin(store, { principalId, provider, now: clock.now() })
        return kept && { keptAt: kept.keptAt, endsAt: kept.endsAt }
      },
    },
    desk: {
      async keep(tx, { principalId, provider, signInId, brought }) {
        if (!parts.providers.has(provider)) return
        const keptAt = clock.now()
        const endsAt = brought.refreshToken === undefined ? brought.idTokenEndsAt : keptAt + refreshMsMax
        if (endsAt <= keptAt) return
        const place = { principalId, provider }
        await putKeptLogin(tx, { ...place, signInId, sealed: seal(sealer, place, brought), keptAt, endsAt })
      },
    },
  }
}

type Exchanging = RedirectIdp & Required<Pick<RedirectIdp, 'exchange'>>

// Sealed for its person and provider: a row that is copied to another person does not open.
function bindingOf({ principalId, provider }: Pick<KeptLogin, 'principalId' | 'provider'>): string {
  return JSON.stringify([principalId, provider])
}

function seal(sealer: Sealer, of: Pick<KeptLogin, 'principalId' | 'provider'>, brought: Brought): string {
  return sealer.seal('kept-login', bindingOf(of), JSON.stringify(brought))
}

function unseal(sealer: Sealer, kept: KeptLogin): Brought {
  return JSON.parse(Buffer.from(sealer.open('kept-login', bindingOf(kept), kept.sealed)).toString()) as Brought
}

function loginNeeded({ name }: Idp, detail: string): Fault {
  const message = `cannot act in your name: sign in to this gateway through \`${name}\` again`
  return new Fault('identity.login_needed', message, { detail })
}
