import { readFile } from 'node:fs/promises'
import { writeExport } from '../../ledger/export.ts'
import { verifyLedger, type Verification } from '../../ledger/verify.ts'
import { type ApiClient, Refusal } from '../api-client.ts'
import { command, onlineCommand } from '../command.ts'
import { facts, progress, time } from '../print.ts'

/** `verify DIR`: offline; whoever has the directory needs nothing of ours but this program. */
export const verify = command({
  brief: 'Verify an exported ledger, offline',
  args: [{ name: 'DIR', brief: 'the directory that `export` wrote' }],
  flags: {
    key: { kind: 'optional', brief: 'public key of the ledger, as its page shows it', placeholder: 'KEY' },
    checkpoint: { kind: 'optional', brief: 'a checkpoint that you kept earlier', placeholder: 'FILE' },
    origin: { kind: 'optional', brief: 'name of the ledger', placeholder: 'NAME' },
  },
  async run(given) {
    const [key, file, origin] = [given.optional('key'), given.optional('checkpoint'), given.optional('origin')]
    const checkpoint = file === undefined ? undefined : await readText(file)
    const pins = {
      ...(key !== undefined && { keys: [key] }),
      ...(checkpoint !== undefined && { checkpoint }),
      ...(origin !== undefined && { origin }),
    }
    return verifyLedger(given.args[0]!, pins, progress('verified'))
  },
  failed: ({ problem }) => problem !== undefined,
  show: describe,
})

function describe(found: Verification): string {
  const { problem, remarks, counts } = found
  const finding =
    problem === undefined
      ? `The ledger holds: ${found.size} entries, ${found.checkpoints} signed checkpoints.`
      : `THE LEDGER DOES NOT HOLD${problem.entry === undefined ? '' : ` at entry ${problem.entry}`}: ${problem.message} (${problem.code})`
  const lines = facts([
    ['ledger', found.origin ?? 'unknown'],
    ['verified', `${found.size} entries`],
    ['root', found.root],
    ['from', time(found.firstAt)],
    ['to', time(found.lastAt)],
    ...Object.entries(counts).map(([kind, count]) => [`${kind} entries`, count] as const),
  ])
  return [finding, '', lines, ...remarks.map(({ message }) => `\nNote: ${message}`)].join('\n')
}

async function readText(file: string): Promise<string> {
  return readFile(file, 'utf8').catch(() => {
    throw new Refusal(`cannot read the file ${file}`)
  })
}

interface CheckpointAnswer {
  origin: string
  size: number
  note: string
  key: string
}

/** `export DIR`: pages through the API and writes the directory here. */
export const exportLedger = onlineCommand({
  brief: 'Write the whole ledger to a directory that `verify` reads',
  args: [{ name: 'DIR', brief: 'an empty or new directory' }],
  async call(api, given) {
    const head = await api.get<CheckpointAnswer>('/ledger/checkpoint')
    const folder = given.args[0]!
    await writeExport(
      folder,
      { keys: [head.key], checkpoints: checkpointsOf(api, head), entries: leavesOf(api, head.size) },
      progress('exported'),
    )
    return { folder, origin: head.origin, size: head.size, key: head.key }
  },
  show: ({ folder, size, key }) =>
    `${size} entries are in ${folder}. Verify them anywhere, without a server:\n\n  npx sallyport verify ${folder} --key '${key}'`,
})

async function* checkpointsOf(api: ApiClient, head: CheckpointAnswer): AsyncGenerator<string> {
  for (let after = -1; ;) {
    const { checkpoints } = await api.get<{ checkpoints: { size: number; note: string }[] }>('/ledger/checkpoints', {
      after,
    })
    for (const { size, note } of checkpoints) if (size <= head.size) yield note
    const last = checkpoints.at(-1)
    if (last === undefined || last.size >= head.size) return
    after = last.size
  }
}

async function* leavesOf(api: ApiClient, size: number): AsyncGenerator<string[]> {
  for (let from = 0; from < size;) {
    const { leaves } = await api.get<{ leaves: string[] }>('/ledger/leaves', { from })
    if (leaves.length === 0) return
    yield leaves
    from += leaves.length
  }
}
