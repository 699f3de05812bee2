import { type Act, readAct } from '../../oauth/actor.ts'

/** Who has a connection or a session with an upstream: a grant, and who acts under it where that is somebody else. */
export interface Holder {
  grantId: string
  act?: Act | undefined
}

/** The key of a holder: one word, with which the keys of all that is his begin. */
export function holderWord({ grantId, act }: Holder): string {
  // Of few callers, and read back where a connection is opened.
  return act === undefined ? grantId : `${grantId}.${Buffer.from(JSON.stringify(act)).toString('base64url')}`
}

/** The word of the holder in the key of a caller; none in the keys of our own questions. */
export function wordIn(callerKey: string): string | undefined {
  const [word = '', ...more] = callerKey.split(' ')
  return more.length === 0 || word === 'sallyport' ? undefined : word
}

/** Whose word it is. */
export function readHolder(word: string): Holder {
  const [grantId = '', act] = word.split('.')
  return { grantId, act: act === undefined ? undefined : readAct(JSON.parse(Buffer.from(act, 'base64url').toString())) }
}
