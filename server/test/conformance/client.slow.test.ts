import assert from 'node:assert/strict'
import { existsSync } from 'node:fs'
import { createServer, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { test, type TestContext } from 'node:test'
import { fileURLToPath } from 'node:url'
import { expectedToFail, failing, runSuite, scored } from './suite.ts'
import { driveUpstreamLeg, type Told } from './upstream-leg.ts'

const command = fileURLToPath(new URL('client-command.js', import.meta.url))

/** Where the upstream behaves so that nobody should be able to connect it: there the administrator ends with a refusal. */
const refused = [
  'auth/iss-normalized',
  'auth/iss-supported-missing',
  'auth/iss-unexpected',
  'auth/iss-wrong-issuer',
  'auth/metadata-issuer-mismatch',
  'auth/resource-mismatch',
  'auth/scope-retry-limit',
]

/** Not scored, and not for this gateway: the reasons are in docs/operate/conformance.md. */
const notOffered = ['auth/enterprise-managed-authorization', 'auth/wif-jwt-bearer']

// The suite does not tell where its authorization servers listen; the kernel does, on Linux.
const blind = existsSync('/proc/net/tcp') ? false : 'only Linux tells what listens on this machine'

for (const revision of ['2025-11-25', '2026-07-28'] as const) {
  test(`the upstream leg passes what ${revision} requires of a client`, { skip: blind }, async (t) => {
    const harness = await openHarness(t)
    const args = ['client', '--command', `${process.execPath} ${command}`, '--requirements', revision]
    const env = { SALLYPORT_HARNESS: harness.url }
    // The suite begins all scenarios at once, and here they wait for each other: that they all end is for the runner to see.
    const { results, output } = await runSuite([...args, '--timeout', '3600000'], { env })
    const wanted = [...results.keys()].filter((scenario) => !notOffered.includes(scenario))
    const found = failing(results, wanted, ['FAILURE', 'WARNING'])
    t.diagnostic(`${JSON.stringify(found, null, 2)}\n${output.slice(output.indexOf('=== SUITE SUMMARY'))}`)
    const unexpected = Object.entries(found).filter(
      ([scenario]) => !expectedToFail('client', revision).includes(scenario),
    )
    // What the clients of scenarios wrote, and how they ended, is in what the suite wrote before its summary.
    if (unexpected.length > 0) t.diagnostic(output)
    assert.deepEqual(Object.fromEntries(unexpected), {})
    assert.deepEqual(
      scored(revision, 'client').filter((scenario) => !wanted.includes(scenario)),
      [],
    )
    const broken = [...harness.failed].filter(([scenario]) => wanted.includes(scenario) && !refused.includes(scenario))
    const known = expectedToFail('client', revision)
    assert.deepEqual(
      broken.filter(([scenario]) => !known.includes(scenario)),
      [],
    )
  })
}

interface Harness {
  url: string
  /** The scenarios in which somebody could not do what they wanted, and why. */
  failed: Map<string, string>
}

/** One scenario after the other: each has a gateway of its own. */
async function openHarness(t: TestContext): Promise<Harness> {
  let last: Promise<unknown> = Promise.resolve()
  const failed = new Map<string, string>()
  const serve = async (before: Promise<unknown>, told: Told, response: ServerResponse): Promise<void> => {
    await before
    try {
      response.end(await driveUpstreamLeg(told))
    } catch (error) {
      failed.set(told.scenario, String(error))
      response.writeHead(500).end(String(error))
    }
  }
  const server = createServer((request, response) => {
    const parts: Buffer[] = []
    request.on('data', (part: Buffer) => parts.push(part))
    request.on('end', () => {
      const told = JSON.parse(Buffer.concat(parts).toString()) as Told
      last = serve(last, told, response)
    })
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  t.after(() => server.close())
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, failed }
}
