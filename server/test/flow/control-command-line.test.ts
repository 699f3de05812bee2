import assert from 'node:assert/strict'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { connectAll, openFakeHouse } from '../fake-house.ts'
import { linkOf, type Agent } from '../agent.ts'
import { openCommandLine, runCommand, sendForm } from '../operator.ts'

const read = (agent: Agent) => agent.call('read_note', { id: 'n1' })

test('a key made on the page speaks for its principal on the command line', async (t) => {
  const { house } = await openFakeHouse(t)
  const ada = await house.person('Ada', ['administer'])
  const page = await sendForm(ada, await ada.browser.open('/you'), { to: '/you/key', label: 'laptop', hours: '1' })
  const key = /SALLYPORT_KEY=(spk_[\w-]+)/.exec(page.text)?.[1]
  assert.ok(key)
  assert.ok(!(await ada.browser.open('/you')).text.includes(key))
  const env = { SALLYPORT_URL: house.origin, SALLYPORT_KEY: key }
  const status = await runCommand(['status', '--json'], env)
  const told = JSON.parse(status.out) as { you: { name: string }; administrator: boolean }
  assert.deepEqual([told.you.name, told.administrator], ['Ada', true])
  const tools = await runCommand(['tools', 'desk'], env)
  assert.match(tools.out, /delete_note\s+destructive\s+pinned/)
})

test('every failure is one clear line and a code: 1 for what was refused, 2 for a wrong command line', async (t) => {
  const { house } = await openFakeHouse(t)
  const sallyport = await openCommandLine(house, await house.person('nobody'))
  const cases: [args: string[], code: number, says: RegExp][] = [
    [['people'], 1, /^cannot do this: only an administrator may \(control\.not_allowed\)\n$/],
    [['tools', 'nothing'], 1, /^there is no such upstream, or it is not yours to see \(control\.not_found\)\n$/],
    [['revoke', 'house', 'x', '--reason', 'because'], 1, /^cannot revoke a house: say grant, client,/],
    [['nonsense'], 2, /nonsense/],
    [['approve', 'x'], 2, /--reason/],
  ]
  for (const [args, code, says] of cases) {
    const ran = await sallyport(...args)
    assert.equal(ran.code, code, `${args.join(' ')}: ${ran.err}`)
    assert.match(ran.err, says)
    assert.equal(ran.out, '')
  }
  const env = { SALLYPORT_URL: house.origin }
  assert.match((await runCommand(['status'], env)).err, /set SALLYPORT_KEY .*\/you\n$/)
  assert.match((await runCommand(['status'], { ...env, SALLYPORT_KEY: 'spk_x' })).err, /operator key is not accepted/)
  assert.match(
    (await runCommand(['status'], { ...env, SALLYPORT_KEY: 'spk_…' })).err,
    /is not an operator key: copy it/,
  )
  const plain = { SALLYPORT_URL: 'http://gateway.example.com', SALLYPORT_KEY: 'spk_x' }
  assert.match((await runCommand(['status'], plain)).err, /must start with https/)
})

test('one command withdraws a grant, a client, a principal, a tool and an upstream, at once', async (t) => {
  const { house, fake } = await openFakeHouse(t)
  const sallyport = await openCommandLine(house, await house.person('Ada', ['administer']))
  const revoke = async (kind: string, id: string, ...more: string[]) => {
    const ran = await sallyport('revoke', kind, id, '--reason', 'for a test', ...more)
    assert.equal(ran.code, 0, ran.err)
  }
  const { person, agent } = await connectAll(house)
  assert.equal((await read(agent)).status, 200)
  await revoke('grant', agent.grantId)
  assert.equal((await read(agent)).status, 401)

  const second = await person.connect('desk', 'all')
  assert.equal((await read(second)).status, 200)
  await revoke('client', second.client)
  assert.equal((await read(second)).status, 401)

  const third = await person.connect('desk', 'all')
  const link = linkOf(await third.call('delete_note', { id: 'n1' }))
  await revoke('tool', 'desk/read_note')
  assert.equal((await read(third)).status, 403)
  assert.equal((await third.call('write_note', { id: 'n1' })).status, 200)
  await revoke('upstream', 'desk')
  assert.equal((await third.call('write_note', { id: 'n1' })).status, 403)
  assert.equal((await house.rooms.approvals.get(link.split('/').at(-1)!)).state, 'cancelled')
  await revoke('upstream', 'desk', '--retire')
  assert.equal((await house.rooms.inventory.findUpstream('desk'))?.state, 'retired')
  assert.ok((await house.rooms.oauth.findGrant(third.grantId))?.revokedAt)

  await revoke('principal', person.principal.id)
  assert.equal((await house.rooms.identity.findPrincipal(person.principal.id))?.state, 'disabled')
  assert.equal(fake.calls.filter(({ name }) => name === 'read_note').length, 2)
})

test('an approval is shown and answered on the command line', async (t) => {
  const { house, fake } = await openFakeHouse(t)
  const { agent } = await connectAll(house)
  const sallyport = await openCommandLine(house, await house.person('Bob', ['desk/delete_note:approve']))
  const id = linkOf(await agent.call('delete_note', { id: 'n\u202e1' }))
    .split('/')
    .at(-1)!
  assert.match((await sallyport('approvals')).out, new RegExp(`${id}\\s+desk\\s+delete_note\\s+pending`))
  const shown = await sallyport('approval', id)
  assert.match(shown.out, /asked by:\s+ana/)
  assert.ok(shown.out.includes('"id": "n⟨U+202E⟩1"'))
  assert.match((await sallyport('approve', id, '--reason', 'looked at it')).out, /desk\/delete_note is approved/)
  assert.equal((await agent.call('delete_note', { id: 'n\u202e1' })).status, 200)
  assert.equal(fake.calls.length, 1)
})

test('the keys are replaced by one command, and only by who administers', async (t) => {
  const { house } = await openFakeHouse(t)
  const { agent } = await connectAll(house)
  const nobody = await openCommandLine(house, await house.person('Bo'))
  assert.equal((await nobody('rotate-keys', '--emergency', '--reason', 'a test')).code, 1)
  assert.equal((await read(agent)).status, 200)
  const ada = await openCommandLine(house, await house.person('Ada', ['administer']))
  const planned = await ada('rotate-keys', '--reason', 'a test')
  assert.match(planned.out, /is published and signs from/, planned.err)
  assert.equal((await read(agent)).status, 200)
  const urgent = await ada('rotate-keys', '--emergency', '--reason', 'it leaked')
  assert.match(urgent.out, /Every access token that was issued before is refused/, urgent.err)
  assert.equal((await read(agent)).status, 401)
  assert.equal((await agent.refresh()).status, 200)
  assert.equal((await read(agent)).status, 200)
})

test('an export verifies without the gateway; of one that was changed the first bad entry is named', async (t) => {
  const { house } = await openFakeHouse(t)
  const { agent } = await connectAll(house)
  for (let at = 0; at < 3; at++) await read(agent)
  const sallyport = await openCommandLine(house, await house.person('Ada', ['administer']))
  const place = mkdtempSync(join(tmpdir(), 'sallyport-export-'))
  t.after(() => rmSync(place, { recursive: true }))
  const folder = join(place, 'copy')
  const exported = await sallyport('export', folder, '--json')
  assert.equal(exported.code, 0, exported.err)
  const { key, size } = JSON.parse(exported.out) as { key: string; size: number }
  const kept = readFileSync(join(folder, 'checkpoint'), 'utf8')
  const again = await sallyport('export', folder)
  assert.equal(again.code, 1)
  assert.match(again.err, /it is not empty/)
  await read(agent)
  const later = join(place, 'later')
  const second = await sallyport('export', later)
  assert.equal(second.code, 0, second.err)
  await house.close()

  const pins = ['--key', key]
  const sound = await runCommand(['verify', folder, ...pins, '--json'], {})
  assert.equal(sound.code, 0, sound.err)
  const verified = JSON.parse(sound.out) as { size: number; counts: { intent: number }; problem?: unknown }
  assert.deepEqual([verified.size, verified.counts.intent, verified.problem], [size, 3, undefined])
  writeFileSync(join(place, 'kept'), kept)
  const continued = await runCommand(['verify', later, ...pins, '--checkpoint', join(place, 'kept')], {})
  assert.equal(continued.code, 0, continued.out)
  assert.match(continued.out, /^The ledger holds/)

  const bundle = join(later, 'tile/entries', `000.p/${bundleWidth(later)}`)
  const bytes = readFileSync(bundle)
  const at = bytes.indexOf('"status":"success"')
  bytes.write('failure', at + '"status":"'.length)
  writeFileSync(bundle, bytes)
  const changed = await runCommand(['verify', later, ...pins], {})
  assert.equal(changed.code, 1)
  assert.match(changed.out, /^THE LEDGER DOES NOT HOLD at entry \d+:/)
})

function bundleWidth(folder: string): string {
  return readFileSync(join(folder, 'checkpoint'), 'utf8').split('\n')[1]!
}
