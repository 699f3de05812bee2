import type { Config } from '../base/config.ts'
import { type ExchangeParts, issuedTokenType, openExchange } from './grant-type/exchange.ts'
import { type IdJagParts, idJagType, openIdJag } from './grant-type/id-jag.ts'
import { type MachineParts, openClientCredentials } from './grant-type/machine.ts'
import { peek, typeOf } from './grant-type/verify.ts'
import { openWorkloads, type WorkloadParts } from './grant-type/workload.ts'
import { type Asked, type GrantType, NotTaken } from './grant-type.ts'
import { clientCredentials, jwtBearer, tokenExchange } from './metadata.ts'

/** What all of them stand on. */
export type GrantTypeParts = Omit<IdJagParts, 'issuers'> &
  Omit<WorkloadParts, 'issuers'> &
  Omit<ExchangeParts, 'platforms'> &
  MachineParts & { config: Pick<Config, 'clients' | 'workloads'> }

/** The ways to a token without a consent page that the configuration opens; none by default. */
export function openGrantTypes(parts: GrantTypeParts): GrantType[] {
  const { workloads, clients } = parts.config
  const { enterprise, preregistered } = clients
  const platforms = new Map(
    preregistered.flatMap(({ id, exchange }) => (exchange === undefined ? [] : [[id, exchange] as const])),
  )
  const types: GrantType[] = []
  if (enterprise.length + workloads.length > 0) types.push(openJwtBearer(parts))
  if (preregistered.some(({ machine }) => machine !== undefined))
    types.push({ name: clientCredentials, params: ['resource'], take: openClientCredentials(parts) })
  if (platforms.size > 0)
    types.push({
      name: tokenExchange,
      params: [
        'subject_token',
        'subject_token_type',
        'actor_token',
        'actor_token_type',
        'requested_token_type',
        'resource',
        'audience',
      ],
      take: openExchange({ ...parts, platforms }),
      answer: { issued_token_type: issuedTokenType },
    })
  return types
}

/** One grant type for two kinds of assertions, told from one another by the type that they name. */
function openJwtBearer(parts: GrantTypeParts): GrantType {
  const { workloads, clients } = parts.config
  const none = async (): Promise<never> => {
    throw new NotTaken('no issuer of such assertions is configured')
  }
  const idJag = clients.enterprise.length > 0 ? openIdJag({ ...parts, issuers: clients.enterprise }) : none
  const workload = workloads.length > 0 ? openWorkloads({ ...parts, issuers: workloads }) : none
  return {
    name: jwtBearer,
    params: ['assertion', 'resource'],
    take: async (asked: Asked) =>
      typeOf(peek(asked.params['assertion']).header) === idJagType ? idJag(asked) : workload(asked),
  }
}
