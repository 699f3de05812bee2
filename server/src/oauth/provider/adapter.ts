import { calculateJwkThumbprint, decodeProtectedHeader, type JWK } from 'jose'
import { type Adapter, type AdapterFactory, type AdapterPayload, errors, Provider } from 'oidc-provider'
import { type Clock, machineAheadSeconds } from '../../base/clock.ts'
import { digestOf } from '../../base/ids.ts'
import {
  consumeProtocolRecord,
  deleteProtocolRecord,
  findProtocolRecord,
  type ProtocolRecord,
  upsertProtocolRecord,
} from '../../store/protocol-records.ts'
import type { Store } from '../../store/store.ts'
import type { Clients } from '../clients.ts'
import { givenBack, type Grants } from '../grants.ts'
import { resourceFor, scope } from '../metadata.ts'
import type { Proofs } from '../proof.ts'
import { findEngineClient, registerEngineClient } from './engine-client.ts'
import { asProtocolError } from './prove.ts'

interface AdapterParts {
  store: Store
  clock: Clock
  origin: string
  clients: Clients
  grants: Grants
  proofs: Pick<Proofs, 'spendJudged'>
  /** Until when the grant of a request holds, for the lifetime of what is issued under it. */
  ends: WeakMap<object, number>
  /** The requests of which an assertion of the client was judged and spent, and the engine has yet to mark it. */
  judged: WeakSet<object>
}

/** The key of a record: whoever reads the store learns no code and no token from it. */
export function recordKey(model: string, id: string): string {
  return digestOf(`${model}\n${id}`)
}

/**
 * Where the protocol engine keeps its things. Clients and grants are ours, it only sees them; sessions it has none, since
 * whoever signs in is known to `identity`; access tokens are signed and not kept; the rest are records.
 */
export function engineAdapter(parts: AdapterParts): AdapterFactory {
  return (model) => {
    switch (model) {
      case 'Client':
        return {
          ...refusing(model),
          find: (id) => findEngineClient(parts.clients, id),
          upsert: register(parts),
        }
      case 'Grant':
        return grantAdapter(parts)
      case 'Session':
      case 'AccessToken':
        return { ...refusing(model), ...forgetful }
      case 'AuthorizationCode':
      case 'RefreshToken':
      case 'Interaction':
        return recordAdapter(parts, model)
      case 'ReplayDetection':
        return {
          ...refusing(model),
          // Whether it is new is known only when it is stored.
          find: async () => undefined,
          upsert: () => spendProof(parts),
        }
      default:
        return refusing(model)
    }
  }
}

const forgetful = {
  upsert: async () => undefined,
  find: async () => undefined,
  findByUid: async () => undefined,
  destroy: async () => undefined,
  revokeByGrantId: async () => undefined,
} satisfies Partial<Adapter>

/** What the engine has no business to ask of a model fails loudly. */
function refusing(model: string): Adapter {
  const refuse = async () => {
    throw new TypeError(`the protocol engine may not do this with ${model}`)
  }
  return {
    upsert: refuse,
    find: refuse,
    findByUserCode: refuse,
    findByUid: refuse,
    consume: refuse,
    destroy: refuse,
    revokeByGrantId: refuse,
  }
}

function register({ clients }: AdapterParts): Adapter['upsert'] {
  return (id, payload) => registerEngineClient(clients, id, payload)
}

function grantAdapter({ clock, clients, grants, origin, ends }: AdapterParts): Adapter {
  return {
    ...refusing('Grant'),
    async find(id) {
      const grant = await grants.find(id)
      if (grant === undefined || grant.revokedAt !== undefined || grant.endsAt <= clock.now()) return undefined
      if (!(await clients.mayUse(grant))) return undefined
      const request = Provider.ctx
      if (request !== undefined) ends.set(request, grant.endsAt)
      // No `exp` and no `iat`: the engine would hold them against its own clock, and another replica's may be ahead of it.
      return {
        jti: id,
        kind: 'Grant',
        accountId: grant.principalId,
        clientId: grant.clientId,
        openid: { scope: `openid ${scope}` },
        resources: { [resourceFor(origin, grant.upstream)]: scope },
      } as AdapterPayload
    },
    // The engine calls this when a code or a refresh token is used twice, and when the client gives a token back.
    async destroy(id) {
      const reason = Provider.ctx?.oidc?.route === 'revocation' ? givenBack : 'a token was used twice'
      await grants.revoke({ by: 'system', id, reason })
    },
  }
}

// The engine reads the clock of this machine, and the record may be another's: records hold our time, the engine gets its own.
const begun = ['iat', 'iiat'] as const

function inItsTime(parts: AdapterParts, { payload, expiresAt }: ProtocolRecord): AdapterPayload {
  const ahead = machineAheadSeconds(parts.clock)
  const times = begun.filter((name) => payload[name] !== undefined).map((name) => [name, Number(payload[name]) + ahead])
  return { ...payload, ...Object.fromEntries(times), exp: Math.ceil(expiresAt / 1_000) + ahead }
}

function recordOf(parts: AdapterParts, what: { model: string; id: string; payload: AdapterPayload; seconds: number }) {
  const { jti: _secret, exp: _ours, ...payload } = what.payload
  const ahead = machineAheadSeconds(parts.clock)
  for (const name of begun) {
    const at = payload[name]
    if (typeof at === 'number') payload[name] = at - ahead
  }
  return {
    key: recordKey(what.model, what.id),
    model: what.model,
    payload,
    grantId: payload.grantId,
    expiresAt: parts.clock.now() + what.seconds * 1_000,
  } satisfies ProtocolRecord
}

function recordAdapter(parts: AdapterParts, model: string): Adapter {
  const { store, clock, grants } = parts
  return {
    ...refusing(model),
    async upsert(id, payload, seconds) {
      if (seconds === undefined) throw new TypeError(`${model} must end`)
      if (model === 'RefreshToken') await bindToProof(payload)
      await upsertProtocolRecord(store, recordOf(parts, { model, id, payload, seconds }))
    },
    async find(id) {
      const record = await findProtocolRecord(store, recordKey(model, id))
      if (record === undefined || record.expiresAt <= clock.now()) return undefined
      return {
        ...inItsTime(parts, record),
        jti: id,
        ...(record.consumedAt === undefined ? {} : { consumed: record.consumedAt }),
      }
    },
    // Two requests may have found the record unused; one consumes it, and the other is a second use like any later one.
    async consume(id) {
      const key = recordKey(model, id)
      if (await consumeProtocolRecord(store, key, clock.now())) return
      const grantId = (await findProtocolRecord(store, key))?.grantId
      if (grantId !== undefined) await grants.revoke({ by: 'system', id: grantId, reason: 'a token was used twice' })
      throw new errors.InvalidGrant('already used')
    },
    destroy: (id) => deleteProtocolRecord(store, recordKey(model, id)),
    // Goes with the grant, in its transaction: the engine never revokes the one without the other.
    revokeByGrantId: async () => undefined,
  }
}

// The engine binds the first refresh token of a public client to its key, and no later one of a client that begins to prove
// itself on renewal. The proof of the request was taken before anything is issued for it.
async function bindToProof(payload: AdapterPayload): Promise<void> {
  const request = Provider.ctx
  const proof = request?.get('dpop')
  if (!proof || payload['jkt'] !== undefined || request?.oidc.client?.clientAuthMethod !== 'none') return
  payload['jkt'] = await calculateJwkThumbprint(decodeProtectedHeader(proof).jwk as JWK)
}

// The engine marks proofs and assertions of clients alike. An assertion was spent where it was judged.
async function spendProof({ proofs, judged }: AdapterParts): Promise<void> {
  const request = Provider.ctx!
  if (!judged.delete(request)) await proofs.spendJudged(request.get('dpop')).catch(asProtocolError)
}
