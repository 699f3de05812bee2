import { errors, type KoaContextWithOIDC } from 'oidc-provider'
import { Fault } from '../../base/fault.ts'
import { endpoints } from '../metadata.ts'
import type { Proofs } from '../proof.ts'

/**
 * Takes the proof that came with a request for a token, where one did: for grant types of ours, the engine does it for its
 * own. To be called before anything is spent for the token.
 *
 * @returns the thumbprint to bind the token to, its `jkt`.
 */
export async function takeProof(
  { origin, proofs }: { origin: string; proofs: Pick<Proofs, 'take' | 'nonce'> },
  ctx: KoaContextWithOIDC,
): Promise<string | undefined> {
  const proof = ctx.get('dpop')
  if (!proof) return undefined
  ctx.set('dpop-nonce', proofs.nonce())
  const of = { method: ctx.method, uri: origin + endpoints.token }
  return await proofs.take(proof, of).catch((error: unknown) => {
    if (!(error instanceof Fault)) throw error
    if (error.code === 'oauth.proof_nonce') throw new errors.UseDpopNonce(error.message)
    if (error.code === 'oauth.proof_invalid') throw new errors.InvalidDpopProof(error.message)
    if (error.code === 'oauth.too_many') throw new errors.TemporarilyUnavailable(error.message)
    throw error
  })
}
