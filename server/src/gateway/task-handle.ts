import type { Clock } from '../base/clock.ts'
import { Fault } from '../base/fault.ts'
import { isObject, readJson } from '../base/json.ts'
import { nameOfItem } from '../model/item.ts'
import type { Sealer } from '../vault/sealer.ts'
import type { Call } from './call-state.ts'
import type { Envelope } from './envelope.ts'
import { readQuestions } from './questions.ts'
import { tasksExtension } from './upstream/era.ts'
import { editObject, textOfMember } from './upstream/members.ts'
import type { RpcResponse } from './upstream/message.ts'

/** A task of an upstream, and the tool whose call made it. */
export interface Task {
  upstream: string
  taskId: string
  item: string
}

const ageMsMax = 7 * 24 * 3_600_000
const purpose = 'task'

/**
 * Seals and opens the ids of tasks. A client never has that of the upstream: what it has opens only for the grant whose
 * call made the task, at any replica, for a week.
 */
export class TaskHandles {
  readonly #sealer: Sealer
  readonly #clock: Clock

  constructor(rooms: { sealer: Sealer; clock: Clock }) {
    this.#sealer = rooms.sealer
    this.#clock = rooms.clock
  }

  seal(grantId: string, task: Task): string {
    return this.#sealer.seal(purpose, grantId, JSON.stringify({ ...task, until: this.#clock.now() + ageMsMax }))
  }

  /** @throws {Fault} `gateway.task_unknown` for whatever this grant has not been given. */
  open(grantId: string, handle: unknown): Task {
    try {
      if (typeof handle !== 'string' || !/^s1\.[\w-]+$/.test(handle)) throw new TypeError('not ours')
      const task = readJson(this.#sealer.open(purpose, grantId, handle)) as Task & { until: number }
      if (task.until >= this.#clock.now()) return task
    } catch {
      // Said below, and the same of all.
    }
    throw new Fault('gateway.task_unknown', 'there is no such task: it is over, or it was not made by this client')
  }
}

/**
 * The text of an answer in which the id of a task is ours; undefined where it names none. What the task asks is judged
 * like any other question of an upstream, and written anew.
 *
 * @param call that was answered: one that made a task, or one about a task.
 * @throws {Fault} `gateway.input_refused` where the task asks what this client cannot be asked.
 */
export function withOurTaskId(
  handles: TaskHandles,
  call: Call,
  { message, text }: { message: RpcResponse; text: () => string },
): string | undefined {
  if (!('result' in message) || typeof message.result['taskId'] !== 'string') return undefined
  const { envelope, upstream, caller, task } = call
  const made = envelope.method === 'tools/call' && message.result['resultType'] === 'task'
  if (!made && task === undefined) return undefined
  const item = nameOfItem({ kind: 'tool', key: String(envelope.params['name']) })
  const { taskId, inputRequests } = message.result
  if (inputRequests !== undefined) readQuestions(upstream, envelope.clientCapabilities, inputRequests)
  const handle = task?.handle ?? handles.seal(caller.grantId, { upstream, taskId, item })
  const whole = text()
  const result = editObject(textOfMember(whole, 'result')!, {
    taskId: JSON.stringify(handle),
    ...(inputRequests !== undefined && { inputRequests: JSON.stringify(inputRequests) }),
  })
  return editObject(whole, { result })
}

/**
 * Demands that the request declares the extension: who asks about tasks must.
 *
 * @throws {Fault} `gateway.capability_missing`
 */
export function requireTasks({ clientCapabilities: { extensions } }: Envelope): void {
  if (isObject(extensions) && isObject(extensions[tasksExtension])) return
  throw new Fault(
    'gateway.capability_missing',
    `cannot do this: the request does not declare the extension \`${tasksExtension}\``,
    { data: { requiredCapabilities: { extensions: { [tasksExtension]: {} } } } },
  )
}
