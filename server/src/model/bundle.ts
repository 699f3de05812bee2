import { createHash } from 'node:crypto'
import { z } from 'zod'
import { Fault } from '../base/fault.ts'
import type { Grant } from './rights.ts'

/** An upstream of a bundle, and what the names of its tools begin with there. */
export interface BundleMember {
  upstream: string
  /** Never changes while the upstream is a member. */
  prefix: string
}

/** One address over several upstreams. It gives no right: each call is decided by the facts of the member alone. */
export interface Bundle {
  /** Stands in the address, and is never used twice, neither for a bundle nor for an upstream. */
  name: string
  purpose: string
  ownerId: string | undefined
  /** In the order in which their tools are listed. */
  members: readonly BundleMember[]
  state: 'serving' | 'retired'
  createdAt: number
  changedAt: number
}

/** Clients cut or refuse longer names. */
const nameMax = 64
/** Clients put the server's name before that of a tool; the longest way that is known is `mcp__<server>__<tool>`. */
const clientOverhead = 'mcp____'.length
/** Digits of the digest behind a name that had to change. */
const digits = 8

const bundleName = z.string().regex(/^[a-z][a-z0-9-]{0,22}[a-z0-9]$/)
const membersSchema = z
  .array(z.strictObject({ upstream: z.string().min(1).max(64), prefix: z.string().regex(/^[a-z][a-z0-9]{0,11}$/) }))
  .min(1)
  .max(32)

/**
 * Reads the name of a bundle: shorter than that of an upstream, because clients put it before each tool's.
 *
 * @throws {Fault} `model.invalid`
 */
export function readBundleName(value: unknown): string {
  const read = bundleName.safeParse(value)
  if (read.success) return read.data
  throw new Fault(
    'model.invalid',
    'the name of a bundle has 2 to 24 lower-case letters, digits and hyphens, and begins with a letter',
  )
}

/**
 * Reads the members of a bundle. No prefix begins another, also to the eye: so no tool of one member can be taken for a
 * tool of another, whatever they are called.
 *
 * @throws {Fault} `model.invalid`
 */
export function readMembers(value: unknown): BundleMember[] {
  const read = membersSchema.safeParse(value)
  if (!read.success) {
    throw new Fault(
      'model.invalid',
      'a bundle has 1 to 32 members; each names an upstream and a prefix of 1 to 12 lower-case letters and digits that begins with a letter',
    )
  }
  for (const [at, one] of read.data.entries()) {
    for (const other of read.data.slice(at + 1)) {
      if (one.upstream === other.upstream) throw new Fault('model.invalid', `\`${one.upstream}\` is a member twice`)
      const [a, b] = [looksOf(one.prefix), looksOf(other.prefix)]
      if (!a.startsWith(b) && !b.startsWith(a)) continue
      const both = `\`${one.prefix}\` and \`${other.prefix}\``
      throw new Fault('model.invalid', `the prefixes ${both} look alike, or one begins the other: choose others`)
    }
  }
  return read.data
}

/**
 * What a tool is called in a bundle: `<prefix>_<tool>`, of letters, digits, `_` and `-`, and so short that it fits into 64
 * characters behind whatever a client puts before it. A name that must change for that ends in a digest of the whole one.
 * It depends on nothing but these three names, so it stays the same for ever.
 */
export function nameInBundle(bundle: string, member: BundleMember, tool: string): string {
  const max = nameMax - clientOverhead - bundle.length
  const whole = `${member.prefix}_${tool}`
  const plain = whole.replaceAll(/[^A-Za-z0-9_-]/g, '_')
  if (plain === whole && whole.length <= max) return whole
  const digest = createHash('sha256').update(`${member.upstream}\n${tool}`).digest('hex').slice(0, digits)
  return `${plain.slice(0, max - digits - 1)}_${digest}`
}

/** The tools of one member by their names in the bundle, in the member's order, without those that could be mistaken. */
export function namesInBundle(
  bundle: string,
  member: BundleMember,
  tools: Iterable<string>,
): { names: Map<string, string>; mistakable: string[] } {
  const all = [...tools].map((tool) => ({ tool, name: nameInBundle(bundle, member, tool) }))
  const byTool = Map.groupBy(all, ({ tool }) => looksOf(tool))
  const byName = Map.groupBy(all, ({ name }) => looksOf(name))
  const alone = ({ tool, name }: { tool: string; name: string }): boolean =>
    byTool.get(looksOf(tool))!.length === 1 && byName.get(looksOf(name))!.length === 1
  return {
    names: new Map(all.filter(alone).map(({ name, tool }) => [name, tool])),
    mistakable: all.filter((one) => !alone(one)).map(({ tool }) => tool),
  }
}

/** The part of a grant of a bundle that concerns one upstream, as a grant of that upstream; undefined where there is none. */
export function grantAt(grant: Grant | undefined, bundle: Bundle | undefined, upstream: string): Grant | undefined {
  if (grant?.upstream !== bundle?.name || bundle?.state !== 'serving' || grant === undefined) return undefined
  if (!bundle.members.some((member) => member.upstream === upstream)) return undefined
  const tools = [...grant.tools].flatMap(([path, digest]) => {
    const place = readToolPath(path)
    return place.upstream === upstream ? [[place.tool, digest] as const] : []
  })
  const { limits, ...rest } = grant
  const bounds = [...(limits ?? [])].flatMap(([path, bound]) => {
    const place = readToolPath(path)
    return place.upstream === upstream ? [[place.tool, bound] as const] : []
  })
  return { ...rest, upstream, tools: new Map(tools), ...(bounds.length > 0 && { limits: new Map(bounds) }) }
}

/** How a tool is named in a grant of a bundle. */
export function toolPath(upstream: string, tool: string): string {
  return `${upstream}/${tool}`
}

/** What a name in a grant of a bundle means. Names of upstreams have no `/`. */
export function readToolPath(path: string): { upstream: string; tool: string } {
  const slash = path.indexOf('/')
  return { upstream: path.slice(0, slash), tool: path.slice(slash + 1) }
}

const alike: Readonly<Record<string, string>> = { '0': 'o', '1': 'l', i: 'l', '5': 's', '2': 'z', '8': 'b' }

/** What is left of a name to a careless reader: no case, no separators, one letter for all that look the same. */
export function looksOf(name: string): string {
  return name
    .toLowerCase()
    .replaceAll(/[^a-z0-9]/g, '')
    .replaceAll(/[01258i]/g, (char) => alike[char] ?? char)
    .replaceAll('rn', 'm')
    .replaceAll('vv', 'w')
}
