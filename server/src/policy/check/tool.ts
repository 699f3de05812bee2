import { compareEffect } from '../../model/effect.ts'
import type { Tool } from '../../model/tool.ts'
import type { Finding } from '../decision.ts'
import type { Facts } from '../facts.ts'
import type { Check } from './check.ts'

type Reason = 'tool.unknown' | 'tool.withheld' | 'tool.drifted' | 'tool.gone' | 'tool.above_ceiling'

export const tool: Check<Reason> = {
  name: 'tool',
  reasons: ['tool.unknown', 'tool.withheld', 'tool.drifted', 'tool.gone', 'tool.above_ceiling'],
  find({ tool, upstream }) {
    if (tool === undefined || tool.upstream !== upstream?.name) {
      return no('tool.unknown', 'there is no such tool, or it is not yours to call')
    }
    return stateFinding(tool) ?? ceilingFinding(tool, upstream.ceiling)
  },
}

function stateFinding(tool: NonNullable<Facts['tool']>): Finding<Reason> | undefined {
  const pin: Tool['pin'] = tool.pin
  switch (pin) {
    case 'pinned':
      // Without an accepted digest nothing was accepted, whatever the state says.
      return tool.digest === undefined ? withheld(tool.name) : undefined
    case 'new':
    case 'withdrawn':
      return withheld(tool.name)
    case 'drifted':
      return no(
        'tool.drifted',
        `the definition of \`${tool.name}\` is not the one that was accepted; it is withheld until it is reviewed`,
      )
    case 'gone':
      return no('tool.gone', `\`${tool.name}\` is no longer offered by its server`)
    default:
      throw new TypeError(`unknown state of a tool: ${String(pin satisfies never)}`)
  }
}

function ceilingFinding(tool: NonNullable<Facts['tool']>, ceiling: Tool['effect']): Finding<Reason> | undefined {
  // Written so that a comparison which yields no number denies.
  if (compareEffect(tool.effect, ceiling) <= 0) return undefined
  return no('tool.above_ceiling', `\`${tool.name}\` has a graver effect than this server may have here`)
}

function withheld(name: string): Finding<Reason> {
  return no('tool.withheld', `\`${name}\` is withheld until it is reviewed`)
}

function no(reason: Reason, why: string): Finding<Reason> {
  return { reason, message: `cannot call this tool: ${why}`, requestable: false }
}
