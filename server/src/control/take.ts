import { type Action, readInput } from './action.ts'
import { requireFresh, requireGuard } from './guard.ts'
import type { Reading } from './reading.ts'
import type { ControlRooms, Viewer } from './rooms.ts'

/**
 * Takes an action: guard, input, the guard that depends on the input, and then the deed. Both faces lead through here.
 *
 * @throws {Fault} `control.not_allowed`, `identity.not_fresh`, `control.bad_input`, and whatever the rooms below refuse with.
 */
export async function takeAction(
  rooms: ControlRooms,
  viewer: Viewer,
  { action, given }: { action: Action; given: Record<string, unknown> },
): Promise<{ input: unknown; result: unknown }> {
  const { guard } = action
  // Who may not do it at all learns nothing of what it would take.
  if (guard === 'administrator') await requireGuard(rooms, viewer, { guard })
  if (action.fresh) requireFresh(rooms, viewer)
  const input = readInput(action.input, given)
  const concern = action.concern?.(input)
  await requireGuard(rooms, viewer, { guard, ...(concern && { concern }) })
  return { input, result: await action.run(rooms, viewer, input) }
}

/** Takes a reading, in the same order. */
export async function takeReading(
  rooms: ControlRooms,
  viewer: Viewer,
  { reading, given }: { reading: Reading; given: Record<string, unknown> },
): Promise<unknown> {
  await requireGuard(rooms, viewer, { guard: reading.guard })
  return reading.read(rooms, viewer, readInput(reading.input, given))
}
