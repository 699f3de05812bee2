import { Fault } from '../base/fault.ts'
import { decide } from '../policy/decide.ts'
import { needsApproval } from '../policy/needs-approval.ts'
import { readArguments } from './arguments.ts'
import { usedBy } from './asked.ts'
import type { Call } from './call-state.ts'
import { forward, refuse, type CallRooms } from './call.ts'
import { nextEnd } from './facts.ts'
import { requireTasks } from './task-handle.ts'

const members = new Set(['taskId', 'inputResponses', '_meta'])

/**
 * Asks about a task, answers what it asks, or cancels it: only for the grant whose call made it, and only while that call
 * would still be listed for it. Each is recorded like a call of the tool, and none is one.
 *
 * @throws {Fault} `gateway.capability_missing` where the request does not declare the extension; `gateway.task_unknown`;
 *   403 where the right to the tool is gone. Nothing was sent then.
 * @see https://modelcontextprotocol.io/extensions/tasks
 */
export async function callTask(rooms: CallRooms, given: Call): Promise<void> {
  const { caller, envelope } = given
  requireTasks(envelope)
  const { taskId: handle } = envelope.params
  const odd = Object.keys(envelope.params).find((name) => !members.has(name))
  if (odd !== undefined)
    throw new Fault('gateway.bad_params', `\`${odd.slice(0, 64)}\` is not served here; leave it out`)
  const task = rooms.tasks.open(caller.grantId, handle)
  const through = caller.upstream === task.upstream ? {} : { bundle: caller.upstream }
  const call: Call = { ...given, ...through, upstream: task.upstream, task: { handle: String(handle) } }
  const view = await rooms.facts.view(caller, task.upstream)
  const tool = view.catalogue?.tools.get(task.item)
  const question = { tool: task.item }
  const decision = decide(rooms.facts.gather(view, question))
  if (!decision.allow) {
    return refuse(rooms, call, { view, name: task.item, decision }).catch((error: unknown) => {
      throw error instanceof Fault && error.code === 'gateway.method_unknown'
        ? noTask('its tool is not yours any more')
        : error
    })
  }
  // Of such a tool no task is handed out; its effect may have been set since.
  if (tool === undefined || needsApproval(tool.tool.effect)) throw noTask('its tool needs an approval now')
  const asked = usedBy(envelope.method, {
    item: task.item,
    judged: undefined,
    limited: {},
    bound: { taskId: task.taskId },
    written: (bound) => bound,
  })
  const args = readArguments(view.rulesOf(tool), undefined, asked.bound)
  using exchange = rooms.exchanges.begin(call, async () => {
    const [now, at] = [await rooms.facts.view(caller, task.upstream), rooms.facts.now()]
    return decide(rooms.facts.gather(now, question)).allow ? nextEnd(now, at) : undefined
  })
  await forward(rooms, call, { view, tool, asked, args, decision, exchange })
}

function noTask(why: string): Fault {
  return new Fault('gateway.task_unknown', `there is no such task any more: ${why}`)
}
