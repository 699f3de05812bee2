import type { IncomingMessage } from 'node:http'
import { Fault, type FaultCode } from '../base/fault.ts'
import type { Caller, Presented } from '../oauth/access-token.ts'
import type { Challenge } from '../oauth/metadata.ts'

/** What the MCP door needs of the authorization server. */
export interface TokenJudge {
  verifyAccessToken(request: Presented, resource: string): Promise<Caller>
  challengeFor(upstream: string, challenge: Challenge): string
  wantsProof(upstream: string): Promise<boolean>
  proofNonce(): string
  resourceFor(upstream: string): string
}

const errorCodes: Partial<Record<FaultCode, string>> = {
  'gateway.login_needed': 'insufficient_user_authentication',
  'oauth.proof_invalid': 'invalid_dpop_proof',
  'oauth.proof_nonce': 'use_dpop_nonce',
}

/**
 * The headers that go with a refusal: where to get a token, of which scheme, and what was wrong with the one that came.
 *
 * @param upstream Absent where the request named none.
 */
export async function challenge(
  oauth: Pick<TokenJudge, 'challengeFor' | 'wantsProof' | 'proofNonce'>,
  { upstream, request, error }: { upstream?: string; request: IncomingMessage; error: unknown },
): Promise<Record<string, string>> {
  if (!(error instanceof Fault) || upstream === undefined) return {}
  const lacked = error.status === 403 ? error.data?.['scope'] : undefined
  if (error.status !== 401 && typeof lacked !== 'string') return {}
  const proves = error.code.startsWith('oauth.proof_') || /^dpop /i.test(request.headers.authorization ?? '')
  // Of a request without any token nothing is said to be wrong with it.
  if (error.code === 'oauth.token_missing') {
    const wanted = proves || (await oauth.wantsProof(upstream).catch(() => false))
    return { 'www-authenticate': oauth.challengeFor(upstream, { scheme: wanted ? 'DPoP' : 'Bearer' }) }
  }
  if (typeof lacked === 'string') {
    const said = { code: 'insufficient_scope', description: error.message }
    const scheme = proves ? 'DPoP' : 'Bearer'
    return { 'www-authenticate': oauth.challengeFor(upstream, { error: said, scheme, scope: lacked }) }
  }
  const said = { code: errorCodes[error.code] ?? 'invalid_token', description: error.message }
  const scheme = proves ? 'DPoP' : 'Bearer'
  const login = error.code === 'gateway.login_needed' ? error.data : undefined
  return {
    'www-authenticate': oauth.challengeFor(upstream, { error: said, scheme, login }),
    ...(proves && { 'dpop-nonce': oauth.proofNonce() }),
  }
}
