import { timingSafeEqual } from 'node:crypto'
import { z } from 'zod'
import type { Clock } from '../../base/clock.ts'
import type { BridgeConfig } from '../../base/config.ts'
import { Fault } from '../../base/fault.ts'
import { digestOf, makeSecret } from '../../base/ids.ts'
import type { BridgeIdp, Person } from '../idp.ts'
import { groupsMax, readGroups } from './claims.ts'
import { personOf } from './person.ts'
import { readLogin } from './required.ts'

const voucher = z.strictObject({
  external_auth_id: z.string().min(1).max(128),
  user: z.strictObject({
    id: z.string().min(1).max(255),
    name: z.string().max(500).optional(),
    email: z.string().max(500).optional(),
    groups: z.array(z.string().min(1).max(500)).max(groupsMax).optional(),
    auth_time: z.number().int().positive().optional(),
    acr: z.string().min(1).max(200).optional(),
    amr: z.array(z.string().min(1).max(200)).max(50).optional(),
  }),
})

/**
 * An application that has only a session of its own. The browser is sent to its login address with a one-time
 * `external_auth_id`; its backend tells us in a call of its own who signed in; the browser comes back with the code that
 * the backend was given.
 *
 * Three secrets, three holders: the browser that began has its cookie, the backend its secret, and the code goes from us
 * through the backend to the browser that it has signed in. All three must meet, so neither a link that was sent to
 * somebody else nor a callback that was planted lets anybody in.
 *
 * @see docs/guide/login-bridge.md
 */
export function openBridge(config: BridgeConfig, clock: Clock): BridgeIdp {
  const { id, name, loginUrl } = config
  const issuer = `bridge:${id}`
  const secret = Buffer.from(digestOf(config.secret))
  return {
    way: 'redirect',
    id,
    name,
    subjectClaim: 'sub',
    readPerson: (claims) => personOf(issuer, claims['sub'], claims),
    readGroups: (claims) => readGroups(claims, ['groups']),
    async begin({ state }) {
      const url = new URL(loginUrl)
      url.searchParams.set('external_auth_id', state)
      return { url: url.href, kept: {} }
    },
    vouch(authorization, body) {
      const given = Buffer.from(digestOf(/^Bearer ([\x21-\x7e]{1,1024})$/i.exec(authorization ?? '')?.[1] ?? ''))
      if (!timingSafeEqual(secret, given)) {
        throw new Fault('identity.bridge_refused', 'this is not the secret of this application', { status: 401 })
      }
      const { external_auth_id: state, user } = readVoucher(body)
      const code = makeSecret()
      const kept = { code: digestOf(code), person: JSON.stringify(describe(issuer, user, clock.now())) }
      return { state, code, kept }
    },
    async complete({ url, kept }) {
      const codes = url.searchParams.getAll('code')
      const { code, person } = kept
      if (code === undefined || person === undefined) throw failed(name, 'it has not said who signed in')
      const same = codes.length === 1 && timingSafeEqual(Buffer.from(digestOf(codes[0]!)), Buffer.from(code))
      if (!same) throw failed(name, 'the code is another than it was given')
      return JSON.parse(person) as Person
    },
  }
}

// Groups that are not named are not said, rather than said to be none: an application that knows no groups names none.
function describe(issuer: string, user: z.infer<typeof voucher>['user'], now: number): Person {
  const { id, ...claims } = user
  const person = personOf(issuer, id, claims)
  return { ...person, groups: user.groups, login: readLogin(claims, now), claims: { sub: id, ...claims } }
}

function readVoucher(body: unknown): z.infer<typeof voucher> {
  const read = voucher.safeParse(body)
  if (read.success && /^[\x21-\x7e]+$/.test(read.data.user.id)) return read.data
  const where = read.error?.issues[0]?.path.join('.') || (read.success ? 'user.id' : 'the body')
  throw new Fault(
    'identity.bridge_refused',
    `cannot take this: \`${where}\` is missing or wrong; it takes \`external_auth_id\` and \`user\` with \`id\` (1 to 255 visible ASCII characters), \`name\`, \`email\`, \`groups\`, \`auth_time\`, \`acr\` and \`amr\``,
  )
}

function failed(name: string, detail: string): Fault {
  return new Fault('identity.provider_failed', `cannot sign in: \`${name}\` did not complete the login`, { detail })
}
