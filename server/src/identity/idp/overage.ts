import type { OidcProviderConfig } from '../../base/config.ts'
import type { Dialer } from '../../base/dial.ts'
import { readNames } from './claims.ts'
import { refused } from './required.ts'

/**
 * Asks for the groups that did not fit into a token, at the address of the configuration: never at one that the token names.
 *
 * @throws {Fault} `identity.login_refused` if they are not told, all of them: some of the groups are not the groups.
 * @see https://learn.microsoft.com/graph/api/directoryobject-getmemberobjects
 */
export async function fetchGroups(asked: {
  provider: Pick<OidcProviderConfig, 'name'>
  dialer: Pick<Dialer, 'fetch'>
  endpoint: string
  accessToken: string
}): Promise<readonly string[]> {
  const { provider, dialer, endpoint, accessToken } = asked
  const answer = await dialer.fetch(endpoint, {
    method: 'POST',
    headers: {
      authorization: `Bearer ${accessToken}`,
      'content-type': 'application/json',
      accept: 'application/json',
    },
    body: JSON.stringify({ securityEnabledOnly: true }),
  })
  if (answer.status !== 200) throw refused(provider.name, `asked for the groups, it answers ${answer.status}`)
  const body = (await answer.json().catch(() => undefined)) as Record<string, unknown> | null | undefined
  const whole = body?.['@odata.nextLink'] === undefined
  const said = readNames(body?.['value'])
  if (said.told === undefined || !whole)
    throw refused(provider.name, 'its list of groups is not whole, or cannot be read')
  return said.told
}
