import { Fault } from '../base/fault.ts'
import { isItem, nameOfItem } from '../model/item.ts'
import { effectSchema, type Effect } from '../model/effect.ts'
import { readReason } from '../model/rights.ts'
import { findTool, putTool } from '../store/tools.ts'
import { findUpstream } from '../store/upstreams.ts'
import { definitionDigest, readItem } from './definition.ts'
import { itemStored } from './observe.ts'
import type { ToolRooms } from './tool.ts'

/** A method to be declared: what no list of the protocol names. */
export interface MethodStep {
  by: string
  upstream: string
  method: string
  /** What it does; absent: destructive, until its owner says otherwise. */
  effect?: Effect | undefined
  reason: string
}

// These have ways of their own: as tools, prompts, resources, or as part of the protocol between client and gateway.
const ofProtocol =
  /^(?:initialize|ping|server|tools|prompts|resources|completion|logging|notifications|subscriptions|sampling|elicitation|roots|tasks)(?:\/|$)/

/**
 * Declares that an upstream serves a method outside the protocol. From then on it is an item like a tool: who is entitled
 * to it and chose it may call it, its `params` are its arguments, and each call is decided, recorded and forwarded.
 *
 * @throws {Fault} `model.invalid` for what is no method or belongs to the protocol, `inventory.nothing_to_do` when
 *   it is declared already.
 */
export async function declareMethod(rooms: ToolRooms, step: MethodStep): Promise<void> {
  const reason = readReason(step.reason)
  const key = step.method
  if (!isItem({ kind: 'method', key }) || ofProtocol.test(key)) {
    throw new Fault(
      'model.invalid',
      'cannot declare this method: name one that is not the protocol’s own, such as `example/do`',
    )
  }
  const effect = step.effect === undefined ? undefined : effectSchema.parse(step.effect)
  const schema = { type: 'object', additionalProperties: true }
  const item = readItem({ name: key, description: reason, inputSchema: schema }, 'method')
  const name = nameOfItem({ kind: 'method', key })
  await rooms.ledger.recordChange(
    {
      by: step.by,
      what: 'method.declared',
      about: { kind: 'tool', id: `${step.upstream}/${name}` },
      reason,
      details: { effect: effect ?? 'destructive' },
    },
    async (tx) => {
      const upstream = await findUpstream(tx, step.upstream)
      if (upstream === undefined) throw new Fault('inventory.unknown', 'there is no such upstream in the inventory')
      if ((await findTool(tx, step.upstream, name)) !== undefined)
        throw new Fault('inventory.nothing_to_do', `\`${key}\` is declared already`)
      const digest = definitionDigest(item.definition, 'method')
      const stored = itemStored({ ...item, digest, position: 0 }, { upstream, now: rooms.clock.now(), pinAll: true })
      const said = effect === undefined ? {} : { effect, effectSetBy: step.by, effectReason: reason }
      await putTool(tx, { ...stored, pinnedBy: step.by, ...said })
    },
  )
}
