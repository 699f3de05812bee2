import assert from 'node:assert/strict'
import { test } from 'node:test'
import { redirectUri } from '../browser.ts'
import { consentForm, offeredOn } from '../oauth-client.ts'
import { endsTold, openHouse } from '../house.ts'

const tools = ['list_assets', 'get_asset', 'create_signing_keys', 'update_asset', 'delete_asset', 'list_secrets']

async function open(t: Parameters<typeof openHouse>[0]) {
  const house = await openHouse(t)
  await house.upstream('mux', tools)
  const ana = await house.person('Ana', ['mux/*'])
  const client = await house.register()
  return { house, ana, client, shown: await ana.browser.open(client.authorizeUrl('mux')) }
}

test('the page says who asks, where the answer goes, which server, and what each tool does', async (t) => {
  const { shown } = await open(t)
  assert.equal(shown.status, 200)
  assert.match(shown.text, /“Editor”/)
  assert.match(shown.text, /It registered itself here and chose its name/)
  assert.ok(shown.text.includes(new URL(redirectUri).host))
  assert.match(shown.text, /Any program on this computer can claim this name/)
  assert.match(shown.text, /all of mux/)
  assert.match(shown.text, /Ana/)
  assert.match(shown.text, /returns secrets/)
  const [reads, writes, destroys] = ['Reads', 'Writes', 'Destroys'].map((word) => shown.text.indexOf(`>${word}<`))
  assert.ok(reads! > 0 && reads! < writes! && writes! < destroys!)
  assert.doesNotMatch(shown.text, /<script|\son[a-z]+=|style=|javascript:/i)
})

test('reads are ticked, but not those that return secrets; writes and what destroys are not', async (t) => {
  const { shown } = await open(t)
  assert.deepEqual(offeredOn(shown).offered.toSorted(), tools.toSorted())
  assert.deepEqual(offeredOn(shown).ticked, ['get_asset', 'list_assets'])
})

test('only what the principal may use and what is pinned is offered', async (t) => {
  const { house, client } = await open(t)
  const bo = await house.person('Bo', ['mux/get_asset', 'mux/delete_asset'])
  assert.deepEqual(offeredOn(await bo.browser.open(client.authorizeUrl('mux'))).offered, ['get_asset', 'delete_asset'])
  const step = { by: 'set-up', upstream: 'mux', tool: 'get_asset', reason: 'for this test' }
  await house.rooms.inventory.withdrawTool(step)
  assert.deepEqual(offeredOn(await bo.browser.open(client.authorizeUrl('mux'))).offered, ['delete_asset'])
  await house.rooms.inventory.setCeiling({ by: 'set-up', name: 'mux', ceiling: 'write', reason: 'for this test' })
  const nothing = await bo.browser.open(client.authorizeUrl('mux'))
  assert.deepEqual(offeredOn(nothing).offered, [])
  assert.match(nothing.text, /You may not use any tool/)
  const refused = await client.answer(bo.browser, nothing, (fields) => fields.set('answer', 'refuse'))
  assert.equal(refused.url.searchParams.get('error'), 'access_denied')
})

test('the grant holds exactly the chosen tools, by the definitions that were shown, for the chosen time', async (t) => {
  const { house, ana, client, shown } = await open(t)
  const answer = await client.answer(ana.browser, shown, (fields) => {
    fields.delete('tool')
    for (const tool of ['get_asset', 'delete_asset']) fields.append('tool', tool)
    fields.set('duration', '3600')
  })
  assert.ok(answer.url.searchParams.get('code'))
  const [grant] = await house.rooms.oauth.listGrants({})
  const pinned = (await house.rooms.inventory.readPinned('mux'))!.tools
  const digestOf = (name: string) => pinned.get(name)!.tool.digest!
  assert.deepEqual(
    [...grant!.tools],
    [
      ['delete_asset', digestOf('delete_asset')],
      ['get_asset', digestOf('get_asset')],
    ],
  )
  assert.equal(grant!.endsAt - grant!.createdAt, 3_600_000)
  assert.deepEqual([grant!.principalId, grant!.clientId, grant!.upstream], [ana.principal.id, client.id, 'mux'])
  const [entry] = await house.changes('grant.given')
  assert.equal(entry?.by, ana.principal.id)
  assert.deepEqual(entry?.about, { kind: 'grant', id: grant!.id })
  assert.deepEqual(entry?.details?.['tools'], Object.fromEntries(grant!.tools))
})

test('nothing is given for a tool that was not offered, for no tool, for another time, or for no answer', async (t) => {
  const { house, ana, client, shown } = await open(t)
  const wrong: [string, (fields: URLSearchParams) => void, number][] = [
    ['a tool of nobody', (fields) => fields.append('tool', 'drop_database'), 400],
    ['no tool', (fields) => fields.delete('tool'), 422],
    ['another time', (fields) => fields.set('duration', '999999999'), 400],
    ['no time', (fields) => fields.delete('duration'), 400],
    ['no answer', (fields) => fields.delete('answer'), 400],
    ['two answers', (fields) => fields.append('answer', 'refuse'), 400],
    ['another page', (fields) => fields.set('shown', '0'.repeat(64)), 422],
    ['no page', (fields) => fields.delete('shown'), 400],
  ]
  for (const [name, change, status] of wrong) {
    assert.equal((await client.answer(ana.browser, shown, change)).status, status, name)
  }
  assert.deepEqual(await house.rooms.oauth.listGrants({}), [])
  assert.ok((await client.answer(ana.browser, shown)).url.searchParams.get('code'))
})

test('what changed while the person was reading is shown again before it is given', async (t) => {
  const { house, ana, client, shown } = await open(t)
  const step = { by: 'set-up', upstream: 'mux', tool: 'get_asset', reason: 'it deletes' }
  await house.rooms.inventory.setEffect({ ...step, effect: 'destructive', traits: [] })
  const again = await client.answer(ana.browser, shown)
  assert.equal(again.status, 422)
  assert.match(again.text, /Something changed while you were reading/)
  assert.deepEqual(offeredOn(again).ticked, ['list_assets'])
  assert.deepEqual(await house.rooms.oauth.listGrants({}), [])
  assert.ok((await client.answer(ana.browser, again)).url.searchParams.get('code'))
})

test('the page is shown every time; a second consent replaces the first, which it has ticked', async (t) => {
  const { house, ana, client, shown } = await open(t)
  const told = endsTold(t, house)
  await client.answer(ana.browser, shown, (fields) => {
    fields.delete('tool')
    for (const tool of ['update_asset', 'delete_asset']) fields.append('tool', tool)
  })
  const again = await ana.browser.open(client.authorizeUrl('mux'))
  assert.match(again.text, /This program has access now/)
  assert.deepEqual(offeredOn(again).ticked, ['update_asset'])
  await client.answer(ana.browser, again)
  const [newer, older] = await house.rooms.oauth.listGrants({ clientId: client.id })
  assert.deepEqual([...newer!.tools.keys()], ['update_asset'])
  assert.equal(older!.revokedBecause, 'replaced by a newer choice')
  assert.deepEqual(told, [older!.id])
  const entry = (await house.changes('grant.given'))[1]
  assert.deepEqual(entry?.details?.['supersedes'], [older!.id])
})

test('who uses a program on two devices unticks the end of what it had, and both grants stand', async (t) => {
  const { house, ana, client, shown } = await open(t)
  const told = endsTold(t, house)
  await client.answer(ana.browser, shown)
  const again = await ana.browser.open(client.authorizeUrl('mux'))
  await client.answer(ana.browser, again, (fields) => fields.delete('replace'))
  const grants = await house.rooms.oauth.listGrants({ clientId: client.id })
  assert.equal(grants.length, 2)
  assert.deepEqual(
    grants.map((grant) => grant.revokedAt),
    [undefined, undefined],
  )
  assert.deepEqual(told, [])
})

test('the consent of one client is none for another, nor for another server, nor of another person', async (t) => {
  const { house, ana, client, shown } = await open(t)
  await client.answer(ana.browser, shown)
  await house.upstream('memory', ['get_asset'])
  const other = await house.register()
  for (const url of [other.authorizeUrl('mux'), client.authorizeUrl('memory')]) {
    assert.match((await ana.browser.open(url)).url.pathname, /^\/consent\//)
  }
  const bo = await house.person('Bo', ['mux/*'])
  assert.doesNotMatch((await bo.browser.open(client.authorizeUrl('mux'))).text, /has access now/)
})

test('who is not signed in signs in first and comes back', async (t) => {
  const { house, client } = await open(t)
  const browser = house.browser()
  const shown = await browser.open(client.authorizeUrl('mux'))
  assert.equal(shown.url.pathname, '/sign-in')
  const back = shown.url.searchParams.get('return_to')!
  assert.match(back, /^\/consent\/[\w-]+$/)
  const ana = await house.person('Cy', ['mux/*'])
  browser.plant({ ...ana.browser.cookies('sallyport')[0]! })
  assert.equal((await browser.open(house.url + back)).status, 200)
})

test('a form that another site sends, or that lacks the token of this sign-in, gives nothing', async (t) => {
  const { house, ana, shown } = await open(t)
  const bo = await house.person('Bo', ['mux/*'])
  const csrfOfBo = /name="csrf" value="([^"]*)"/.exec((await bo.browser.open(shown.url)).text)?.[1]
  assert.equal(csrfOfBo, undefined)
  const attempts: [string, (fields: URLSearchParams) => void, { site?: string; origin?: string }][] = [
    ['cross-site', () => undefined, { site: 'cross-site', origin: 'https://evil.example' }],
    ['same-site', () => undefined, { site: 'same-site', origin: 'https://evil.gate.example' }],
    ['foreign origin', () => undefined, { origin: 'https://evil.example' }],
    ['no token', (fields) => fields.delete('csrf'), { site: 'same-origin', origin: 'null' }],
    ['made-up token', (fields) => fields.set('csrf', 'x'.repeat(43)), { site: 'same-origin', origin: 'null' }],
  ]
  for (const [name, change, from] of attempts) {
    const answer = await ana.browser.post(shown.url, consentForm(shown, change), from)
    assert.equal(answer.status, 403, name)
  }
  assert.deepEqual(await house.rooms.oauth.listGrants({}), [])
})

test('the page cannot be framed or cached, and its form ends at the client’s address and nowhere else', async (t) => {
  const { shown } = await open(t)
  const policy = shown.headers.get('content-security-policy')!
  assert.match(policy, /default-src 'none'/)
  assert.match(policy, /frame-ancestors 'none'/)
  assert.ok(policy.includes(`form-action 'self' ${new URL(redirectUri).origin};`), policy)
  assert.equal(shown.headers.get('x-frame-options'), 'DENY')
  assert.equal(shown.headers.get('cache-control'), 'no-store')
})

test('the request of one browser cannot be answered or finished in another, whatever cookies it is given', async (t) => {
  const { house, client, ana, shown } = await open(t)
  const mallory = await house.person('Mallory', ['mux/*'])
  const elsewhere = await mallory.browser.open(shown.url)
  assert.equal(elsewhere.status, 400)
  // The attacker begins, and plants all that a subdomain could plant: every cookie but the one with the host prefix.
  for (const cookie of ana.browser.cookies('sallyport-re')) mallory.browser.plant(cookie)
  assert.equal((await mallory.browser.open(shown.url)).status, 400)

  const accepted = await ana.browser.post(shown.url, consentForm(shown), { site: 'same-origin', follow: false })
  const resume = new URL(accepted.headers.get('location')!, shown.url)
  assert.match(resume.pathname, /^\/oauth\/authorize\//)
  for (const cookie of ana.browser.cookies('sallyport-re')) mallory.browser.plant(cookie)
  const captured = await mallory.browser.open(resume)
  assert.equal(captured.status, 400)
  assert.equal(captured.url.pathname, resume.pathname)
  const code = (await ana.browser.open(resume)).url.searchParams.get('code')
  assert.ok(code)
  assert.equal((await client.redeem(code)).status, 200)
})

test('the form that one browser was shown is worth nothing in another, of the same person or of somebody else', async (t) => {
  const { house, ana, shown } = await open(t)
  const form = consentForm(shown)
  const others = [await house.signIn(ana), await house.person('Mallory', ['mux/*'])]
  for (const { browser } of others) {
    for (const planted of [false, true]) {
      if (planted) for (const cookie of ana.browser.cookies('sallyport-re')) browser.plant(cookie)
      const own = new URLSearchParams(form)
      const page = await browser.open('/grants')
      own.set('csrf', /name="csrf" value="([^"]+)"/.exec(page.text)?.[1] ?? '')
      for (const sent of [form, own]) {
        const answer = await browser.post(shown.url, sent, { site: 'same-origin', origin: 'null', follow: false })
        assert.ok(answer.status === 400 || answer.status === 403, String(answer.status))
      }
    }
  }
  assert.equal((await house.changes('grant.given')).length, 0)
  assert.equal((await ana.browser.post(shown.url, form, { site: 'same-origin', follow: false })).status, 303)
  // Nor a second time where it was shown.
  await ana.browser.post(shown.url, form, { site: 'same-origin', follow: false })
  assert.equal((await house.changes('grant.given')).length, 1)
})

test('a request is answered once, though the form is sent twenty times at once', async (t) => {
  const { house, client, ana, shown } = await open(t)
  const form = consentForm(shown)
  const answers = await Promise.all(
    Array.from({ length: 20 }, () => ana.browser.post(shown.url, form, { site: 'same-origin', follow: false })),
  )
  assert.ok(answers.every(({ status }) => status === 303 || status === 400))
  assert.equal((await house.changes('grant.given')).length, 1)
  const done = await ana.browser.open(
    new URL(answers.find(({ status }) => status === 303)!.headers.get('location')!, shown.url),
  )
  assert.equal((await client.redeem(done.url.searchParams.get('code'))).status, 200)
  assert.equal((await ana.browser.open(shown.url)).status, 400)
})

test('a request that nobody answers ends', async (t) => {
  const { house, ana, shown } = await open(t)
  house.clock.pass(1_801_000)
  assert.equal((await ana.browser.open(shown.url)).status, 400)
})

test('no session of the protocol engine stays in the browser', async (t) => {
  const { ana, client, shown } = await open(t)
  await client.answer(ana.browser, shown)
  assert.ok(!ana.browser.cookiesSet.some((line) => line.includes('sallyport-engine')))
  assert.deepEqual(ana.browser.cookies('sallyport-consent'), [])
})

test('hostile names are shown as the text that they are', async (t) => {
  const { house, ana } = await open(t)
  const name = '<script>alert(1)</script>\u202egnp.exe\u0000'
  const client = await house.register({ client_name: name })
  const shown = await ana.browser.open(client.authorizeUrl('mux'))
  assert.equal(shown.status, 200)
  assert.doesNotMatch(shown.text, /<script/)
  assert.match(shown.text, /&lt;script&gt;alert\(1\)&lt;\/script&gt;⟨U\+202E⟩gnp\.exe⟨U\+0000⟩/)
})

test('scopes that clients ask for elsewhere do not stop them here', async (t) => {
  const { house, ana, client } = await open(t)
  for (const scope of ['openid', 'offline_access', 'read write admin', 'mcp', '']) {
    const shown = await ana.browser.open(client.authorizeUrl('mux', (params) => params.set('scope', scope)))
    assert.equal(shown.status, 200, scope)
    const tokens = await client.redeem((await client.answer(ana.browser, shown)).url.searchParams.get('code'))
    assert.equal(tokens.status, 200, scope)
    assert.equal('id_token' in tokens, scope === 'openid')
    await house.rooms.oauth.verifyAccessToken(
      { headers: { authorization: `Bearer ${tokens.access_token}` } },
      house.rooms.oauth.resourceFor('mux'),
    )
  }
})
