import { Fault } from '../../base/fault.ts'

/** For how long a grant may be given. */
export const durations = [
  { seconds: 3_600, label: '1 hour' },
  { seconds: 28_800, label: '8 hours' },
  { seconds: 86_400, label: '1 day' },
  { seconds: 2_592_000, label: '30 days' },
  { seconds: 7_776_000, label: '90 days' },
] as const

export const usualDurationSeconds = 28_800

/** What the person sent. */
export type ConsentForm =
  | { answer: 'refuse' }
  | { answer: 'ask' }
  | { answer: 'accept'; shown: string; tools: Set<string>; durationSeconds: number; replaces: boolean }

/**
 * Reads the form of the consent page. Whether the tools may be chosen is not known here.
 *
 * @throws {Fault} `oauth.request_refused` if it is not a form of ours.
 */
export function readConsentForm(body: URLSearchParams): ConsentForm {
  const answers = body.getAll('answer')
  if (answers.length === 1 && (answers[0] === 'refuse' || answers[0] === 'ask')) return { answer: answers[0] }
  const [shown, duration] = [body.getAll('shown'), body.getAll('duration')]
  const seconds = durations.find((one) => String(one.seconds) === duration[0])?.seconds
  if (answers.length !== 1 || answers[0] !== 'accept' || shown.length !== 1 || duration.length !== 1 || !seconds) {
    throw new Fault('oauth.request_refused', 'cannot read this form: go back, load the page again and answer once more')
  }
  return {
    answer: 'accept',
    shown: shown[0]!,
    tools: new Set(body.getAll('tool')),
    durationSeconds: seconds,
    replaces: body.has('replace'),
  }
}
