import assert from 'node:assert/strict'
import { test } from 'node:test'
import { openHouse } from '../house.ts'
import { formPaths, openCommandLine, sendForm, textOn } from '../operator.ts'

const reason = 'for a test'

test('an administrator makes, changes and retires a bundle on pages', async (t) => {
  const house = await openHouse(t)
  for (const name of ['mail', 'desk']) await house.upstream(name, ['read_note', 'write_note'])
  const ada = await house.person('Ada', ['administer', 'mail/*', 'desk/*'])
  const made = { to: '/bundles', name: 'office', purpose: 'all of the office', ownerId: ada.principal.id, reason }
  const form = await ada.browser.open('/bundles/new')
  const alike = await sendForm(ada, form, { ...made, members: 'mail git\ndesk github' })
  assert.equal(alike.status, 400)
  assert.match(textOn(alike), /The prefixes git and github look alike, or one begins the other/)
  const page = await sendForm(ada, form, { ...made, members: ' mail  mail \r\n\r\ndesk tasks\n' })
  assert.equal(page.url.pathname, '/bundles/office')
  assert.match(textOn(page), /The bundle is made/)
  assert.match(textOn(page), /mcp\/office .*mail_read_note .*mail_write_note .*tasks_read_note/)
  const agent = await ada.connect('office', 'all')
  assert.match(textOn(await ada.browser.open('/grants')), /→ office .* read_note desk .*read_note mail/)

  const change = { to: '/bundles/office/change', purpose: 'half of the office', ownerId: ada.principal.id, reason }
  const kept = await sendForm(ada, page, { ...change, members: 'mail post' })
  assert.match(textOn(kept), /[Mm]ail has the prefix mail here, which never changes/)
  const changed = await sendForm(ada, page, { ...change, members: 'mail mail' })
  assert.match(textOn(changed), /half of the office/)
  assert.doesNotMatch(textOn(changed), /tasks_read_note/)
  const retired = await sendForm(ada, changed, { to: '/bundles/office/retire', reason })
  assert.match(textOn(retired), /office retired/)
  assert.deepEqual(
    formPaths(retired).filter((path) => path.startsWith('/bundles')),
    [],
  )
  assert.equal((await agent.rpc('tools/list', {})).status, 401)
  const entries = [...(await house.changes('bundle.made')), ...(await house.changes('bundle.changed'))]
  assert.deepEqual(
    entries.map(({ by, about }) => [by, about]),
    [0, 1].map(() => [ada.principal.id, { kind: 'bundle', id: 'office' }]),
  )
})

test('who has no right to a member does not see that there is a bundle, and who has sees that member alone', async (t) => {
  const house = await openHouse(t)
  for (const name of ['mail', 'desk']) await house.upstream(name, ['read_note'])
  const ada = await house.person('Ada', ['administer'])
  const members = ['mail', 'desk'].map((upstream) => ({ upstream, prefix: upstream }))
  const by = ada.principal.id
  await house.rooms.inventory.makeBundle({ by, ownerId: by, name: 'office', purpose: 'everything', members, reason })
  const [bo, cy] = [await house.person('Bo', ['mail/*']), await house.person('Cy')]
  const seen = await bo.browser.open('/bundles/office')
  assert.match(textOn(seen), /mail_read_note/)
  assert.doesNotMatch(textOn(seen), /desk/)
  assert.deepEqual(
    formPaths(seen).filter((path) => path.startsWith('/bundles')),
    [],
  )
  assert.equal((await cy.browser.open('/bundles/office')).status, 404)
  assert.doesNotMatch(textOn(await cy.browser.open('/upstreams')), /office/)
})

test('the command line makes, lists, changes and retires bundles', async (t) => {
  const house = await openHouse(t)
  for (const name of ['mail', 'desk']) await house.upstream(name, ['read_note'])
  const sallyport = await openCommandLine(house, await house.person('Ada', ['administer']))
  const why = ['--purpose', 'all of the office', '--reason', reason]
  const made = await sallyport('make-bundle', 'office', '--members', 'mail=mail,desk=tasks', ...why)
  assert.equal(made.out, 'made `office`\n', made.err)
  const { out } = await sallyport('bundles')
  assert.match(out, /office\s+serving\s+http:\S+\/mcp\/office\s+mail=mail,desk=tasks/)
  const wrong = await sallyport('change-bundle', 'office', '--members', 'mail', ...why)
  assert.deepEqual([wrong.code, wrong.err], [1, '--members is a list such as memory=memory,mux=video\n'])
  assert.equal((await sallyport('change-bundle', 'office', '--members', 'desk=tasks', ...why)).code, 0)
  assert.equal((await sallyport('retire-bundle', 'office', '--reason', reason)).code, 0)
  assert.match((await sallyport('bundles')).out, /office\s+retired .*desk=tasks/)
})
