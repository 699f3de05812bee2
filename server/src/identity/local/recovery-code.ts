import { randomInt, timingSafeEqual } from 'node:crypto'
import { digestOf } from '../../base/ids.ts'

/** Without letters and digits that look alike. */
const alphabet = 'abcdefghjkmnpqrstvwxyz23456789'
const groupLength = 4
const groups = 5
/** How many codes a person has. */
export const recoveryCodes = 10

/** A code in parts: `place` finds it, and is no secret; the rest has 78 random bits. */
export interface CodeParts {
  place: string
  rest: string
}

/** Makes as many codes as a person has; no two have the same place. */
export function makeRecoveryCodes(): CodeParts[] {
  const codes = new Map<string, CodeParts>()
  while (codes.size < recoveryCodes) {
    const place = draw(groupLength)
    codes.set(place, { place, rest: draw(groupLength * (groups - 1)) })
  }
  return [...codes.values()]
}

/** A code as a person writes it down: five groups of four. */
export function showRecoveryCode({ place, rest }: CodeParts): string {
  return [place, ...rest.match(/.{4}/g)!].join('-')
}

/** Reads what was typed in, however it is spaced; what cannot be a code is one that nobody has. */
export function readRecoveryCode(text: string): CodeParts {
  const plain = text
    .slice(0, 100)
    .toLowerCase()
    .replaceAll(/[^a-z0-9]/g, '')
  return { place: plain.slice(0, groupLength), rest: plain.slice(groupLength) }
}

/** How a code of a principal is kept. It has so many random bits that nothing slow is needed, as for all secrets of ours. */
export function recoveryHash(principalId: string, { place, rest }: CodeParts): string {
  return digestOf(JSON.stringify(['recovery-code', principalId, place, rest]))
}

/** Whether a code is the one that was kept; takes as long whatever is wrong. */
export function isRecoveryCode(hash: string, principalId: string, code: CodeParts): boolean {
  const [kept, given] = [Buffer.from(hash), Buffer.from(recoveryHash(principalId, code))]
  return kept.length === given.length && timingSafeEqual(kept, given)
}

function draw(length: number): string {
  return Array.from({ length }, () => alphabet[randomInt(alphabet.length)]).join('')
}
