import { createHash, createPrivateKey, createPublicKey, randomUUID, sign } from 'node:crypto'
import { formatKey, noteKey, signCheckpoint, type Signer } from '../src/ledger/checkpoint.ts'
import { writeEntry, type Entry, type Intent } from '../src/ledger/entry.ts'
import { writeExport } from '../src/ledger/export.ts'
import { Frontier, leafHash } from '../src/ledger/merkle.ts'
import { redactArguments } from '../src/ledger/redact.ts'

export const sampleOrigin = 'gateway.example/ledger'

/** An Ed25519 signer whose key comes from a word, so that samples are the same on each run. */
export function makeSigner(word: string, name: string = sampleOrigin): Signer {
  const seed = createHash('sha256').update(word).digest()
  const der = Buffer.concat([Buffer.from('302e020100300506032b657004220420', 'hex'), seed])
  const key = createPrivateKey({ key: der, format: 'der', type: 'pkcs8' })
  const x = createPublicKey(key).export({ format: 'jwk' }).x!
  return { name, publicKey: Buffer.from(x, 'base64url'), sign: (bytes) => sign(null, bytes, key) }
}

export function keyLine(signer: Signer): string {
  return formatKey(noteKey(signer.name, signer.publicKey))
}

function sampleId(n: number): string {
  return `01890a5d-ac96-774b-bcce-${n.toString(16).padStart(12, '0')}`
}

const at0 = 1_700_000_000_000
const sampleDigest = 'ab'.repeat(32)
const principal = { id: sampleId(1), issuer: 'https://idp.example', subject: 'ana', name: 'Ana Ünal' }
const client = { id: 'https://client.example/client.json', name: 'A client' }

/** The n-th entry of a ledger in which every other pair is a call with its outcome. */
export function sampleEntry(n: number): Entry {
  const at = at0 + n * 100
  const callId = sampleId(1_000 + n)
  if (n % 4 === 1) {
    return {
      v: 1,
      at,
      kind: 'outcome',
      callId: sampleId(999 + n),
      intent: n - 1,
      status: 'success',
      httpStatus: 200,
      durationMs: 42,
      resultBytes: 17,
      resultDigest: sampleDigest,
    }
  }
  if (n % 4 === 2) {
    return {
      v: 1,
      at,
      kind: 'denial',
      principal,
      client,
      upstream: 'mux',
      tool: 'list_assets',
      reason: 'grant.tool_not_chosen',
      requestable: false,
      revision: n,
    }
  }
  if (n % 8 === 3)
    return { v: 1, at, kind: 'login', status: 'success', provider: 'idp', principal, signInId: sampleId(n) }
  if (n % 8 === 7) {
    return {
      v: 1,
      at,
      kind: 'change',
      by: principal.id,
      what: 'grant.revoked',
      about: { kind: 'grant', id: 'g1' },
      reason: 'no longer needed',
    }
  }
  const approval =
    n % 8 === 4 ? { effect: 'destructive' as const, approvalId: sampleId(500_000 + n) } : { effect: 'read' as const }
  return {
    v: 1,
    at,
    kind: 'intent',
    instance: 'i1',
    callId,
    principal,
    client,
    grantId: 'g1',
    upstream: 'mux',
    tool: 'retrieve_asset',
    toolDigest: sampleDigest,
    argumentsDigest: sampleDigest,
    arguments: redactArguments({ ASSET_ID: `asset-${n}`, apiToken: 'hunter2' }),
    revision: n,
    entitlementId: 'e1',
    ...approval,
  }
}

/** An intent that is about to be recorded. */
export function sampleIntent(change: Partial<Intent> = {}): Intent {
  return {
    callId: randomUUID(),
    principal: { id: 'p1', issuer: 'local', subject: 'ana', name: 'Ana' },
    client: { id: 'c1', name: 'Client' },
    grantId: 'g1',
    upstream: 'memory',
    tool: 'delete_entities',
    toolDigest: sampleDigest,
    effect: 'destructive',
    argumentsDigest: 'cd'.repeat(32),
    arguments: redactArguments({ entityNames: ['a'] }),
    revision: 1,
    entitlementId: 'e1',
    ...change,
  }
}

/** What a sample is made of; each part can be falsified before it is written. */
export interface Sample {
  /** Leaves. */
  entries: string[]
  /** Sizes at which a checkpoint is signed. The last must be the number of entries. */
  sizes: number[]
  signer: Signer
  origin?: string
}

export function makeSample(count: number, every: number, word = 'sample'): Sample {
  const sizes = Array.from({ length: Math.ceil(count / every) }, (_, i) => Math.min((i + 1) * every, count))
  return {
    entries: Array.from({ length: count }, (_, n) => writeEntry(sampleEntry(n))),
    sizes: count === 0 ? [0] : sizes,
    signer: makeSigner(word),
  }
}

export async function signSample(sample: Sample): Promise<string[]> {
  const frontier = new Frontier()
  const notes: string[] = []
  for (const size of sample.sizes) {
    while (frontier.size < size) frontier.append(leafHash(Buffer.from(sample.entries[frontier.size]!)))
    const head = { origin: sample.origin ?? sampleOrigin, size, root: frontier.root() }
    notes.push(await signCheckpoint(head, sample.signer))
  }
  return notes
}

/** Exports a sample. @returns its checkpoints. */
export async function exportSample(folder: string, sample: Sample): Promise<string[]> {
  const checkpoints = await signSample(sample)
  await writeExport(folder, { keys: [keyLine(sample.signer)], checkpoints, entries: [sample.entries] })
  return checkpoints
}
