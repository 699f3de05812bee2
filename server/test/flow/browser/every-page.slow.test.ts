import assert from 'node:assert/strict'
import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { test, type TestContext } from 'node:test'
import type { Page, Response } from 'playwright-core'
import { listRoutes } from '../../../src/control/routes.ts'
import { openDesk, type Desk, type Window } from './chromium.ts'
import { openFullHouse, type FullHouse } from './full-house.ts'
import { enterAs, openClient } from './steps.ts'

interface Visit {
  name: string
  page: Page
}

/** Opens every page there is: those of the operators, the consent page, the question of an approval, an invitation. */
async function* visitAll(t: TestContext, full: FullHouse, window: Window): AsyncGenerator<Visit> {
  const { house, ana, bo } = full
  const { page } = window
  await enterAs(window, house, ana)
  for (const [name, path] of Object.entries(full.pages)) {
    await page.goto(house.origin + path)
    yield { name, page }
  }
  const client = await openClient(t, house, 'A program with quite a long name, as programs have')
  for (const upstream of ['memory', 'mux', 'work', 'desk']) {
    await page.goto(client.authorizeUrl(upstream).href)
    assert.equal(await page.getByRole('button', { name: 'Accept' }).count(), 1)
    yield { name: `consent for ${upstream}`, page }
  }
  await enterAs(window, house, bo)
  await page.goto(full.approval)
  assert.equal(await page.getByRole('button', { name: 'Approve this one call' }).count(), 1)
  yield { name: 'question', page }
  await window.context.clearCookies()
  const by = ana.principal.id
  const { url } = await house.rooms.identity.invite({ by, name: 'Cy Chen', rights: [], expiresInSeconds: 3_600 })
  await page.goto(url)
  yield { name: 'invitation', page }
}

async function furnish(t: TestContext): Promise<{ full: FullHouse; desk: Desk }> {
  return { full: await openFullHouse(t), desk: await openDesk(t) }
}

test('no page is missing here', async (t) => {
  const { pages } = await openFullHouse(t)
  const visited = Object.values(pages).map((path) => path.split('?', 1)[0]!)
  const ofOperators = listRoutes().filter(({ method, guard, path }) => {
    return method === 'GET' && guard !== 'public' && !path.startsWith('/api/')
  })
  for (const { path } of ofOperators) {
    const pattern = new RegExp(`^${path.replaceAll(/\{\w+\}/g, '[^/]+')}$`)
    assert.ok(
      visited.some((one) => pattern.test(one)),
      path,
    )
  }
})

test('on a phone of 390 pixels no page scrolls sideways, and what can be pressed is large enough for a thumb', async (t) => {
  const { full, desk } = await furnish(t)
  const window = await desk.open({ viewport: { width: 390, height: 844 }, hasTouch: true, isMobile: true })
  for await (const { name, page } of visitAll(t, full, window)) {
    await page.evaluate(`document.querySelectorAll('details').forEach((one) => { one.open = true })`)
    assert.equal(await page.evaluate('document.documentElement.scrollWidth'), 390, name)
    for (const button of await page.locator('main button:visible, main .button:visible').all()) {
      const box = await button.boundingBox()
      assert.ok(box && box.height >= 31, `${name}: ${await button.innerText()} is ${box?.height} high`)
    }
  }
})

test('in the dark scheme every page is dark, and text stands out from what is behind it', async (t) => {
  const { full, desk } = await furnish(t)
  for (const colorScheme of ['dark', 'light'] as const) {
    const window = await desk.open({ colorScheme })
    for await (const { name, page } of visitAll(t, full, window)) {
      const back = await page.evaluate(`getComputedStyle(document.documentElement).backgroundColor`)
      assert.equal(back, colorScheme === 'dark' ? 'rgb(15, 17, 21)' : 'rgb(245, 246, 248)', name)
      assert.deepEqual(await page.evaluate(faintTexts), [], `${name}, ${colorScheme}`)
    }
  }
})

test('without scripts every page is whole; it forbids scripts, frames and foreign content, and is not kept', async (t) => {
  const { full, desk } = await furnish(t)
  const window = await desk.open({ javaScriptEnabled: false })
  const answers: Response[] = []
  window.page.on('response', (answer) => answers.push(answer))
  for await (const { name, page } of visitAll(t, full, window)) {
    assert.equal(await page.locator('h1').count(), 1, name)
    assert.match(await page.title(), /^.+ · Sallyport$/, name)
    assert.equal(await page.locator('script, [onclick], [style], iframe').count(), 0, name)
    assert.deepEqual(await page.evaluate(namelessFields), [], name)
    assert.deepEqual(await page.evaluate(doubledIds), [], name)
    const answer = answers.findLast((one) => one.url() === page.url())
    assert.ok(answer, name)
    checkHeaders(name, await answer.allHeaders())
  }
  for (const answer of answers) {
    const cookies = (await answer.headersArray()).filter((header) => header.name.toLowerCase() === 'set-cookie')
    for (const { value } of cookies) {
      assert.match(value, /; ?httponly/i)
      assert.match(value, /; ?samesite=(lax|strict)/i)
    }
  }
})

function checkHeaders(name: string, headers: Record<string, string>): void {
  const policy = headers['content-security-policy'] ?? ''
  for (const part of ["default-src 'none'", "frame-ancestors 'none'", "base-uri 'none'"]) {
    assert.ok(policy.includes(part), `${name}: ${policy}`)
  }
  assert.ok(!/script-src|unsafe/.test(policy), `${name}: ${policy}`)
  assert.equal(headers['x-frame-options'], 'DENY', name)
  assert.equal(headers['cache-control'], 'no-store', name)
  assert.equal(headers['referrer-policy'], 'no-referrer', name)
}

test('a page of another site cannot frame the consent page or the question of an approval', async (t) => {
  const { full, desk } = await furnish(t)
  const window = await desk.open()
  const client = await openClient(t, full.house)
  await enterAs(window, full.house, full.bo)
  const framed = [full.approval, client.authorizeUrl('memory').href, `${full.house.origin}/sign-in`]
  const trap = createServer((_, response) => {
    const frames = framed.map((url) => `<iframe src="${url.replaceAll('&', '&amp;')}"></iframe>`).join('')
    response
      .writeHead(200, { 'content-type': 'text/html' })
      .end(`<!doctype html><link rel="icon" href="data:,">${frames}`)
  })
  trap.listen(0, '127.0.0.1')
  await once(trap, 'listening')
  t.after(() => {
    trap.closeAllConnections()
    trap.close()
  })
  await window.page.goto(`http://127.0.0.1:${(trap.address() as AddressInfo).port}/`)
  const frames = window.page.frames().slice(1)
  assert.equal(frames.length, framed.length)
  for (const frame of frames) assert.equal(await frame.locator('form, button').count(), 0, frame.url())
  window.forgive(/frame-ancestors/)
})

const namelessFields = `[...document.querySelectorAll('input:not([type=hidden]), select, textarea')]
  .filter((field) => field.labels.length === 0 && !field.ariaLabel)
  .map((field) => field.outerHTML)`

const doubledIds = `[...document.querySelectorAll('[id]')]
  .map((element) => element.id)
  .filter((id, at, all) => all.indexOf(id) !== at)`

/** Texts whose contrast with what is behind them is less than 4.5 (WCAG 2.2, 1.4.3). */
const faintTexts = `(() => {
  const parse = (text) => {
    const [r, g, b, a = 1] = text.match(/[\\d.]+/g).map(Number)
    return { r, g, b, a }
  }
  const light = ({ r, g, b }) => {
    const [x, y, z] = [r, g, b].map((c) => (c / 255 <= 0.04045 ? c / 255 / 12.92 : ((c / 255 + 0.055) / 1.055) ** 2.4))
    return 0.2126 * x + 0.7152 * y + 0.0722 * z
  }
  const behind = (element) => {
    for (let at = element; at; at = at.parentElement) {
      const colour = parse(getComputedStyle(at).backgroundColor)
      if (colour.a === 1) return colour
    }
    return { r: 255, g: 255, b: 255 }
  }
  const faint = new Set()
  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT)
  while (walker.nextNode()) {
    const element = walker.currentNode.parentElement
    if (!walker.currentNode.textContent.trim() || !element.checkVisibility()) continue
    const [text, back] = [light(parse(getComputedStyle(element).color)), light(behind(element))]
    const contrast = (Math.max(text, back) + 0.05) / (Math.min(text, back) + 0.05)
    if (contrast < 4.5) faint.add(element.className + ' ' + walker.currentNode.textContent.trim().slice(0, 40) + ' ' + contrast.toFixed(2))
  }
  return [...faint]
})()`
