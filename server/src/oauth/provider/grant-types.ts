import type Provider from 'oidc-provider'
import { errors, type KoaContextWithOIDC } from 'oidc-provider'
import type { Clock } from '../../base/clock.ts'
import { Fault } from '../../base/fault.ts'
import type { Log } from '../../base/log.ts'
import { accessTokenSeconds } from '../access-token.ts'
import { type Asked, type Given, type GrantType, NotTaken, type Terms } from '../grant-type.ts'
import { scope } from '../metadata.ts'
import type { Catalogue } from '../ports.ts'
import type { Proofs } from '../proof.ts'
import { judgeProof } from './prove.ts'
import { readResource, requireBinding } from './settings.ts'

interface IssuingParts {
  origin: string
  clock: Clock
  catalogue: Pick<Catalogue, 'findPlace' | 'readPinned'>
  proofs: Proofs
  terms: Terms
  log: Log
}

/** Teaches the engine our grant types: what is presented is judged by each, and a token is issued under its grant. */
export function registerGrantTypes(provider: Provider, types: readonly GrantType[], parts: IssuingParts): void {
  for (const type of types) {
    const handler: Parameters<Provider['registerGrantType']>[1] = async (ctx) => {
      const client = ctx.oidc.client!
      const params = (ctx.oidc.params ?? {}) as Record<string, string | undefined>
      const proof = await judgeProof(parts, ctx)
      const key = proof?.key
      const prove = async (resource: string) => {
        await requireBinding(parts, ctx, { aud: resource, jkt: key })
        await proof?.spend()
      }
      const authenticated = client.clientAuthMethod !== 'none'
      const asked = { clientId: client.clientId, authenticated, params, key, prove }
      const given = await type.take(asked).catch((error: unknown) => {
        if (error instanceof Fault && error.code.startsWith('base.')) {
          throw new errors.TemporarilyUnavailable('the issuer does not answer', { cause: error })
        }
        if (!(error instanceof NotTaken)) throw error
        // Which of its many reasons it was is nobody's business but ours. What was presented is never written down.
        const about = { client: client.clientId, grantType: type.name, reason: error.message }
        parts.log.info(about, 'a request for a token was not taken')
        if (error.code === 'invalid_scope') throw new errors.InvalidScope('not taken', params['scope'] ?? '')
        throw new errors.InvalidGrant('not taken')
      })
      ctx.body = { ...(await issue(provider, ctx, { parts, given, gty: type.name, asked })), ...type.answer }
    }
    // `authorization_details` are taken so that they are refused: left out, they would be asked for and not kept to.
    provider.registerGrantType(type.name, handler, [...type.params, 'scope', 'authorization_details'])
  }
}

async function issue(
  provider: Provider,
  ctx: KoaContextWithOIDC,
  { parts, given, gty, asked }: { parts: IssuingParts; given: Given; gty: string; asked: Asked },
): Promise<Record<string, unknown>> {
  const { grant, resource, act, bound } = given
  const client = ctx.oidc.client!
  const known = await provider.Grant.find(grant.id)
  if (known === undefined) throw new errors.InvalidGrant('not taken')
  ctx.oidc.entity('Grant', known)
  const endsAt = Math.min(grant.endsAt, given.endsAt ?? Infinity)
  const leftSeconds = Math.floor((endsAt - parts.clock.now()) / 1_000)
  if (leftSeconds < 1) throw new errors.InvalidGrant('not taken')
  const token = new provider.AccessToken({
    accountId: grant.principalId,
    client,
    grantId: grant.id,
    gty,
    expiresIn: Math.min(accessTokenSeconds, leftSeconds),
  } as ConstructorParameters<Provider['AccessToken']>[0])
  token.resourceServer = new provider.ResourceServer(resource, await readResource(parts, ctx, resource))
  token.scope = bound ?? grant.scope ?? scope
  await asked.prove(resource)
  if (asked.key !== undefined) token.setThumbprint('jkt', asked.key)
  parts.terms.set(ctx, { act, bound })
  ctx.oidc.entity('AccessToken', token)
  return {
    access_token: await token.save(),
    expires_in: token.expiration,
    token_type: token.tokenType,
    scope: token.scope,
  }
}
