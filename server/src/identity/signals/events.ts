/** What an event takes away, and nothing gives back. Any of it ends sign-ins, operator keys and open invitations. */
export interface Taken {
  /** Nothing of the person passes until he has proved anew who he is. */
  signIn: boolean
  /** His grants end. */
  grants: boolean
  /** He is disabled, until an administrator enables him. */
  principal: boolean
}

type Payload = Readonly<Record<string, unknown>>

const nothing: Taken = { signIn: false, grants: false, principal: false }
const signIn: Taken = { ...nothing, signIn: true }
const grants: Taken = { ...nothing, grants: true }
const compromised: Taken = { signIn: true, grants: true, principal: false }
const principal: Taken = { ...compromised, principal: true }

const caep = 'https://schemas.openid.net/secevent/caep/event-type/'
const risc = 'https://schemas.openid.net/secevent/risc/event-type/'
const ssf = 'https://schemas.openid.net/secevent/ssf/event-type/'

/**
 * What each event takes away. What is not here takes nothing, nor does anything here give: no payload leads to a right.
 * Where a payload says that things became better, it takes nothing; where it does not say it clearly, it takes.
 *
 * @see https://openid.net/specs/openid-caep-1_0.html
 * @see https://openid.net/specs/openid-risc-1_0.html
 */
const known: Readonly<Record<string, (payload: Payload) => Taken>> = {
  [`${caep}session-revoked`]: () => grants,
  [`${caep}credential-change`]: () => signIn,
  [`${caep}token-claims-change`]: () => signIn,
  [`${caep}assurance-level-change`]: ({ change_direction: way }) => (way === 'increase' ? nothing : signIn),
  [`${caep}device-compliance-change`]: ({ current_status: status }) => (status === 'compliant' ? nothing : signIn),
  [`${risc}account-disabled`]: () => principal,
  [`${risc}account-purged`]: () => principal,
  [`${risc}sessions-revoked`]: () => grants,
  [`${risc}account-credential-change-required`]: () => signIn,
  [`${risc}credential-compromise`]: () => compromised,
}

/** Events of the stream itself, which are about nobody. */
const ofStream: ReadonlySet<string> = new Set([`${ssf}verification`, `${ssf}stream-updated`])

/** What an event takes away; undefined where it is about nobody, or not known here. */
export function takenBy(type: string, payload: Payload): Taken | undefined {
  return Object.hasOwn(known, type) ? known[type]!(payload) : undefined
}

/** Whether an event is about the stream that it comes by. */
export function isOfStream(type: string): boolean {
  return ofStream.has(type)
}

/** All that any of them takes. */
export function takenTogether(all: readonly Taken[]): Taken {
  return {
    signIn: all.some((one) => one.signIn),
    grants: all.some((one) => one.grants),
    principal: all.some((one) => one.principal),
  }
}

/** Whether it takes anything. */
export function takesAnything(taken: Taken): boolean {
  return taken.signIn || taken.grants || taken.principal
}

/** The last part of an event type, to be read by people. */
export function nameOfEvent(type: string): string {
  return type.slice(type.lastIndexOf('/') + 1).slice(0, 100) || type.slice(0, 100)
}

/** The events that take something, for tests and the guide. */
export const takingEvents: readonly string[] = Object.keys(known)
