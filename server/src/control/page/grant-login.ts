import { html, type Html } from '../../base/page.ts'
import { visible } from '../../base/visible.ts'
import type { Login, LoginDemand } from '../../model/login.ts'
import type { PageRoute } from '../page.ts'
import { getWanted } from '../wanted-login.ts'
import { form, hidden, instant, itemLabel } from './elements.ts'

export const grantLoginPage: PageRoute = {
  path: '/grants/{id}/login',
  guard: 'signed-in',
  async show(rooms, { viewer, csrf, params, query }) {
    const of = { upstream: query.get('upstream') ?? '', tool: query.get('tool') ?? '' }
    const { grant, clientName, demands, met, opened, shown } = await getWanted(rooms, viewer, {
      id: params['id']!,
      ...of,
    })
    const here = `/grants/${grant.id}/login?${new URLSearchParams(of).toString()}`
    const acr = demands.flatMap((one) => one.acr ?? [])
    const again = `${rooms.identity.signInUrl(here)}&again${acr.length > 0 ? `&${new URLSearchParams({ acr: acr.join(' ') }).toString()}` : ''}`
    return {
      title: 'Log in for a program',
      width: 'narrow',
      body: html`<h1>Log in for a program</h1>
        <div class="card stack">
          <p>
            <strong>${visible(clientName)}</strong> wants to use <strong>${itemLabel(of.tool)}</strong> of
            <strong>${visible(of.upstream)}</strong> in your name. That needs ${anyOf(demands)}.
          </p>
          ${opened.length > 1 && openedList(opened, { met, upstream: grant.upstream })}
          <dl class="facts">
            <dt>Your login in this browser</dt>
            <dd>${loginText(viewer.login)}</dd>
            <dt>Behind the program until now</dt>
            <dd>${loginText(grant.login)}</dd>
          </dl>
          ${
            met
              ? form({
                  action: `/grants/${grant.id}/login`,
                  csrf,
                  content: html`${hidden({ ...of, shown })}
                    <p>Only go on if you have just asked this program to do something.</p>
                    <div class="actions"><button class="primary">Let it go on</button></div>`,
                })
              : html`<p>Log in again, and come back here.</p>
                  <div class="actions"><a class="button primary" href="${again}">Log in again</a></div>`
          }
        </div>`,
    }
  },
}

type Opened = Awaited<ReturnType<typeof getWanted>>['opened']

// One login stands behind all that a program may use: whoever gives it for one tool is told of the others.
function openedList(opened: Opened, { met, upstream }: { met: boolean; upstream: string }): Html {
  const groups = Map.groupBy(opened, ({ demands }) => JSON.stringify(demands))
  return html`<div class="notice">
    <p>
      ${met ? 'Your login in this browser opens' : 'A new login can open'} all of these to it, not only the one that it
      asks for, each for as long as the login is good enough:
    </p>
    <ul>
      ${[...groups.values()].map(
        (same) =>
          html`<li>
            ${same.map(
              (one, at) =>
                html`${at > 0 && ', '}<strong>${itemLabel(one.tool)}</strong>${
                  one.upstream !== upstream && html` of ${visible(one.upstream)}`
                }`,
            )}
            with ${anyOf(same[0]!.demands)}
          </li>`,
      )}
    </ul>
  </div>`
}

function anyOf(demands: readonly LoginDemand[]): Html {
  return html`${demands.map((one, at) => html`${at > 0 && ', or '}${demandText(one)}`)}`
}

/** What is demanded, as a person reads it. */
export function demandText({ maxAgeSeconds, acr = [], amr = [] }: LoginDemand): Html {
  const parts = [
    maxAgeSeconds !== undefined && html`a login of the last ${agoText(maxAgeSeconds)}`,
    acr.length > 0 && html`a login of the class ${listOf(acr, ' or ')}`,
    amr.length > 0 && html`a login by ${listOf(amr, ' and ')}`,
  ].filter((part) => part !== false)
  return html`${parts.map((part, at) => html`${at > 0 && ', and '}${part}`)}`
}

function listOf(words: readonly string[], between: string): Html {
  return html`${words.map((word, at) => html`${at > 0 && between}<code>${visible(word)}</code>`)}`
}

function agoText(seconds: number): string {
  const [count, unit] = seconds < 7_200 ? [Math.ceil(seconds / 60), 'minute'] : [Math.ceil(seconds / 3_600), 'hour']
  return count === 1 ? unit : `${count} ${unit}s`
}

function loginText(login: Login | undefined): Html {
  if (login === undefined) return html`<span class="muted">not known</span>`
  const how = [login.acr, ...login.amr].filter((word) => word !== undefined)
  return html`${login.at === 0 ? html`<span class="muted">your provider does not say when</span>` : instant(login.at)}
  ${how.length > 0 && html`<span class="muted small">${visible(how.join(', '))}</span>`}`
}
