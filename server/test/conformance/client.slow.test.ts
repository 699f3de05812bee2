import assert from 'node:assert/strict'
import { createServer, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { test, type TestContext } from 'node:test'
import { fileURLToPath } from 'node:url'
import { expectedToFail, failing, runSuite, scored } from './suite.ts'
import { driveUpstreamLeg, type Told } from './upstream-leg.ts'

const command = fileURLToPath(new URL('client-command.js', import.meta.url))

for (const revision of ['2025-11-25', '2026-07-28'] as const) {
  test(`the upstream leg passes what ${revision} requires of a client`, async (t) => {
    const harness = await openHarness(t)
    const args = ['client', '--command', `${process.execPath} ${command}`, '--requirements', revision]
    const { results, output } = await runSuite([...args, '--timeout', '100000'], {
      env: { SALLYPORT_HARNESS: harness },
    })
    const found = failing(results, scored(revision, 'client'))
    t.diagnostic(`${JSON.stringify(found, null, 2)}\n${output.slice(output.indexOf('=== SUITE SUMMARY'))}`)
    const unexpected = Object.entries(found).filter(
      ([scenario]) => !expectedToFail('client', revision).includes(scenario),
    )
    assert.deepEqual(Object.fromEntries(unexpected), {})
  })
}

async function serve(before: Promise<unknown>, told: Told, response: ServerResponse): Promise<void> {
  await before
  try {
    response.end(await driveUpstreamLeg(told))
  } catch (error) {
    response.writeHead(500).end(String(error))
  }
}

/** One scenario after the other: each has a gateway of its own. */
async function openHarness(t: TestContext): Promise<string> {
  let last: Promise<unknown> = Promise.resolve()
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
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`
}
