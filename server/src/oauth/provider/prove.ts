import { errors, type KoaContextWithOIDC } from 'oidc-provider'
import { Fault } from '../../base/fault.ts'
import { endpoints } from '../metadata.ts'
import type { JudgedProof, Proofs } from '../proof.ts'

/**
 * Judges the proof that came with a request for a token, where one did: for grant types of ours, the engine does it for its
 * own. To be called before anything is spent for the token; it is spent itself once what else was presented was found good.
 */
export async function judgeProof(
  { origin, proofs }: { origin: string; proofs: Pick<Proofs, 'judge' | 'nonce'> },
  ctx: KoaContextWithOIDC,
): Promise<JudgedProof | undefined> {
  const proof = ctx.get('dpop')
  if (!proof) return undefined
  ctx.set('dpop-nonce', proofs.nonce())
  const { key, spend } = await proofs
    .judge(proof, { method: ctx.method, uri: origin + endpoints.token })
    .catch(asProtocolError)
  return { key, spend: () => spend().catch(asProtocolError) }
}

/** The error of the protocol that tells a fault of a proof. */
export function asProtocolError(error: unknown): never {
  if (!(error instanceof Fault)) throw error
  if (error.code === 'oauth.proof_nonce') throw new errors.UseDpopNonce(error.message)
  if (error.code === 'oauth.proof_invalid') throw new errors.InvalidDpopProof(error.message)
  if (error.code === 'oauth.too_many') throw new errors.TemporarilyUnavailable(error.message)
  throw error
}
