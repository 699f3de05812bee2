import type { Effect } from '../model/effect.ts'

/**
 * Whether calls of a tool with this effect need the approval of somebody else, each one.
 *
 * @throws {TypeError} for a word that is no effect, so that whoever asks denies.
 */
export function needsApproval(effect: Effect): boolean {
  switch (effect) {
    case 'read':
    case 'write':
      return false
    case 'destructive':
      return true
    default:
      throw new TypeError(`unknown effect: ${String(effect satisfies never)}`)
  }
}
