import { isObject } from '../../base/json.ts'
import type { ItemDefinition } from '../../model/item-definition.ts'
import { quoted } from './evidence.ts'
import type { Evidence } from './evidence.ts'
import { evidenceOfThings } from './things.ts'

const marks = /secret|sensitiv|confidential|credential/i
const mild = new Set<unknown>([false, null, 0, '', 'no', 'none', 'low', 'false', 'public'])

/**
 * What speaks for it that a thing which is only read holds a secret: the same words as in a tool that hands it out, and
 * marks among its annotations.
 */
export function evidenceOfSecret(definition: ItemDefinition): Evidence[] {
  const text = (member: string) => (typeof definition[member] === 'string' ? (definition[member] as string) : '')
  const names = [text('name'), text('uri'), text('uriTemplate')].filter((name) => name !== '')
  const worded = names.flatMap((name) =>
    evidenceOfThings(
      {
        name: `read_${name.replaceAll(/[^A-Za-z0-9]+/g, '_')}`,
        title: text('title'),
        description: text('description'),
        inputSchema: {},
      },
      { effect: 'read', lead: undefined },
    ),
  )
  const { annotations } = definition
  const marked = isObject(annotations)
    ? Object.entries(annotations).filter(([name, value]) => marks.test(name) && !mild.has(value))
    : []
  return [
    ...worded.filter(({ trait }) => trait === 'secret'),
    ...marked.map(([name]): Evidence => ({ trait: 'secret', because: `annotation: ${quoted(name)} marks it` })),
  ]
}
