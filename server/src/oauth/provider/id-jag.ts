import type Provider from 'oidc-provider'
import { errors } from 'oidc-provider'
import { Fault } from '../../base/fault.ts'
import type { Log } from '../../base/log.ts'
import { type ExchangeIdJag, NotTaken } from '../grant-type/id-jag.ts'
import { jwtBearer, scope } from '../metadata.ts'
import type { Catalogue } from '../ports.ts'
import type { Proofs } from '../proof.ts'
import { takeProof } from './prove.ts'
import { readResource } from './settings.ts'

/** Teaches the engine the grant type: what is presented is judged by `exchange`, and a token is issued under its grant. */
export function registerIdJag(
  provider: Provider,
  exchange: ExchangeIdJag,
  parts: { origin: string; catalogue: Pick<Catalogue, 'findPlace'>; proofs: Proofs; log: Log },
): void {
  const handler: Parameters<Provider['registerGrantType']>[1] = async (ctx) => {
    const client = ctx.oidc.client!
    const key = await takeProof(parts, ctx)
    const { assertion, resource: asked } = (ctx.oidc.params ?? {}) as Record<string, string | undefined>
    const { grant, resource } = await exchange({
      clientId: client.clientId,
      authenticated: client.clientAuthMethod !== 'none',
      assertion,
      resource: asked,
    }).catch((error: unknown) => {
      if (error instanceof Fault && error.code.startsWith('base.')) {
        throw new errors.TemporarilyUnavailable('the identity provider does not answer', { cause: error })
      }
      if (!(error instanceof NotTaken)) throw error
      // Which of its many reasons it was is nobody's business but ours. The assertion itself is never written down.
      parts.log.info({ client: client.clientId, reason: error.message }, 'an identity assertion was not taken')
      throw new errors.InvalidGrant('the assertion was not taken')
    })
    const known = await provider.Grant.find(grant.id)
    if (known === undefined) throw new errors.InvalidGrant('the assertion was not taken')
    ctx.oidc.entity('Grant', known)
    const token = new provider.AccessToken({
      accountId: grant.principalId,
      client,
      grantId: grant.id,
      gty: 'jwt-bearer',
    })
    token.resourceServer = new provider.ResourceServer(resource, await readResource(parts, ctx, resource))
    token.scope = scope
    if (key !== undefined) token.setThumbprint('jkt', key)
    ctx.oidc.entity('AccessToken', token)
    ctx.body = {
      access_token: await token.save(),
      expires_in: token.expiration,
      token_type: token.tokenType,
      scope: token.scope,
    }
  }
  provider.registerGrantType(jwtBearer, handler, ['assertion', 'resource', 'scope'])
}
