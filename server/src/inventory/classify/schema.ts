import type { ToolDefinition } from '../../model/tool-definition.ts'
import { quoted } from './evidence.ts'
import type { Evidence } from './evidence.ts'
import { actionArguments, codeArguments, recipientArguments, safeguardArguments } from './nouns.ts'
import { httpMethodEffects } from './verbs.ts'
import { mentionsIn, tokensOfName } from './words.ts'

/** An argument at any depth of the input schema. */
interface Argument {
  name: string
  schema: Record<string, unknown>
  /** The strings that it can be: `enum`, `const`, `default`. */
  values: string[]
  closed: boolean
}

/** A schema of a stranger may be as large as a definition may; no more of it than this is looked at. */
const nodesMax = 20_000

/** What the arguments say: verbs to choose from, switches that lift a safeguard, text that is run, recipients. */
export function evidenceOfArguments(definition: ToolDefinition, looks: boolean): Evidence[] {
  const { found, complete } = argumentsOf(definition.inputSchema)
  const evidence = found.flatMap((argument) => [
    ...evidenceOfChoice(argument, looks),
    ...evidenceOfSwitch(argument, looks),
    ...evidenceOfCode(argument, looks),
    ...evidenceOfRecipient(argument),
  ])
  if (complete) return evidence
  return [...evidence, { effect: 'destructive', because: 'input schema: is too large to be judged' }]
}

/** The names of all properties of a schema, at any depth. */
export function propertyNamesOf(schema: Record<string, unknown>): string[] {
  return argumentsOf(schema).found.map(({ name }) => name)
}

function evidenceOfChoice({ name, schema, values }: Argument, looks: boolean): Evidence[] {
  const isVerb = actionArguments.includes(tokensOfName(name).join('_'))
  const chosen = values.flatMap((value): Evidence[] => {
    const method = httpMethodEffects[value.toUpperCase()]
    const because = (why: string) => `argument ${quoted(name)}: can be ${quoted(value)}, which ${why}`
    if (isVerb && method !== undefined) return [{ effect: method, because: because('is a method that changes') }]
    const [mention] = mentionsIn(tokensOfName(value).slice(0, 6))
    if (mention === undefined || mention.row.effect === 'read') return []
    const { effect, weight, trait } = mention.row
    const counts = isVerb ? mention.form !== 'past' || weight === 'sure' : !looks && weight === 'sure'
    if (!counts) return []
    const line = because(mention.row.because)
    return trait === undefined
      ? [{ effect, because: line }]
      : [
          { effect, because: line },
          { trait, because: line },
        ]
  })
  const free =
    ['method', 'http_method'].includes(name.toLowerCase()) && values.length === 0 && schema['type'] === 'string'
  return free
    ? [...chosen, { effect: 'destructive', because: `argument ${quoted(name)}: lets the caller name the operation` }]
    : chosen
}

function evidenceOfSwitch({ name, schema }: Argument, looks: boolean): Evidence[] {
  const tokens = tokensOfName(name)
  const because = `argument ${quoted(name)}: `
  const mention = mentionsIn(tokens).find(({ row, form }) => row.weight === 'sure' && form !== 'past' && form !== 'ing')
  const alone = mention !== undefined && mention.from === 0 && mention.to === tokens.length
  const afterwards = tokens.some((token) => ['after', 'on', 'once', 'auto', 'then'].includes(token))
  if (
    mention !== undefined &&
    (looks ? (alone && schema['type'] === 'boolean') || (afterwards && mention.row.effect === 'destructive') : true)
  )
    return [{ effect: mention.row.effect, because: because + mention.row.because }]
  if (!looks && safeguardArguments.includes(tokens.join('_')))
    return [{ effect: 'destructive', because: `${because}lifts a safeguard` }]
  return []
}

function evidenceOfCode({ name, schema, closed }: Argument, looks: boolean): Evidence[] {
  const plain = tokensOfName(name).join('_')
  const types = [schema['type']].flat()
  const isText = schema['type'] === undefined || types.includes('string') || types.includes('array')
  const named = [...codeArguments.always, ...(looks ? [] : codeArguments.unlessReading)] as string[]
  if (!isText || closed || !named.includes(plain)) return []
  // An array or bag of arguments of something is no code by itself.
  if (plain === 'args' && !types.includes('string')) return []
  const because = `argument ${quoted(name)}: ${codeArguments.because}`
  return [
    { effect: 'destructive', because },
    { trait: 'execution', because },
  ]
}

function evidenceOfRecipient({ name }: Argument): Evidence[] {
  const isRecipient = recipientArguments.includes(tokensOfName(name).join('_'))
  return isRecipient ? [{ trait: 'outward', because: `argument ${quoted(name)}: says to whom it goes` }] : []
}

function argumentsOf(root: Record<string, unknown>): { found: Argument[]; complete: boolean } {
  const found: Argument[] = []
  const queue: unknown[] = [root]
  let at = 0
  for (; at < queue.length && at < nodesMax; at++) {
    const next = queue[at]
    if (typeof next !== 'object' || next === null) continue
    const properties: unknown = Array.isArray(next) ? undefined : (next as Record<string, unknown>)['properties']
    if (typeof properties === 'object' && properties !== null && !Array.isArray(properties))
      for (const [name, schema] of Object.entries(properties)) found.push(readArgument(name, schema))
    for (const child of Object.values(next)) if (typeof child === 'object' && child !== null) queue.push(child)
  }
  return { found, complete: at === queue.length }
}

function readArgument(name: string, raw: unknown): Argument {
  const schema = typeof raw === 'object' && raw !== null && !Array.isArray(raw) ? (raw as Record<string, unknown>) : {}
  const choices = [schema, ...[schema['anyOf'], schema['oneOf'], schema['allOf'], schema['items']].flat()].filter(
    (part): part is Record<string, unknown> => typeof part === 'object' && part !== null,
  )
  const values = choices
    .flatMap((part) => [part['enum'], part['const'], part['default']].flat())
    .filter((value) => typeof value === 'string')
  const closed = choices.some((part) => Array.isArray(part['enum']) || typeof part['const'] === 'string')
  return { name, schema, values, closed }
}
