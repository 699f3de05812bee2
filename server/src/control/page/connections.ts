import type { OnBehalf } from '../../base/config.ts'
import { html, type Html } from '../../base/page.ts'
import { visible } from '../../base/visible.ts'
import type { Connection } from '../../vault/credentials.ts'
import { listOwnPlaces, unknown, type OwnPlace } from '../known.ts'
import type { PageRoute, Visit } from '../page.ts'
import type { ControlRooms } from '../rooms.ts'
import { empty, fold, form, instant } from './elements.ts'
import { scopeList } from './scopes.ts'

/** The upstreams that are called in the name of who looks, and by what. */
export const connectionsPage: PageRoute = {
  path: '/connections',
  guard: 'signed-in',
  async show(rooms, visit) {
    const places = await listOwnPlaces(rooms, visit.viewer)
    const cards = await Promise.all(places.map((place) => card(rooms, visit, place)))
    return {
      title: 'Your connections',
      width: 'narrow',
      body: html`<h1>Your connections</h1>
        <p class="lead">
          These upstreams see who calls. What is here is yours alone, and no call of anybody else uses it.
        </p>
        ${cards.length === 0 ? empty('None. No upstream that you may use is called in your name.') : cards}`,
    }
  },
}

/** One of them: where a client sends its person who has no connection yet. */
export const connectionPage: PageRoute = {
  path: '/connections/{name}',
  guard: 'signed-in',
  async show(rooms, visit) {
    const place = (await listOwnPlaces(rooms, visit.viewer)).find(({ name }) => name === visit.params['name'])
    if (place === undefined) unknown('upstream')
    return {
      title: `Your connection to ${place.name}`,
      width: 'narrow',
      body: html`<h1>Your connection to ${place.name}</h1>
        <p class="lead">
          ${place.name} sees who calls. You are signed in here as ${visible(visit.viewer.principal.name)}.
        </p>
        ${await card(rooms, visit, place)}
        <p><a href="/connections">All your connections</a></p>`,
    }
  },
}

async function card(rooms: ControlRooms, visit: Visit, place: OwnPlace): Promise<Html> {
  const { name, entry, connection } = place
  return html`<section class="card" aria-labelledby="connection-${name}">
    <h2 id="connection-${name}">${name}</h2>
    ${
      entry.way === 'connection'
        ? connected(name, { connection, csrf: visit.csrf })
        : entry.way === 'assertion'
          ? html`<p>The gateway tells <code>${visible(entry.issuer)}</code> who you are. There is nothing to do.</p>`
          : await bySignIn(rooms, visit, entry)
    }
  </section>`
}

function connected(name: string, of: { connection: Connection | undefined; csrf: string }): Html {
  const { connection, csrf } = of
  const details = connection?.details
  const lapsed = details?.lapsed
  const connect = form({
    action: `/connections/${name}/connect`,
    csrf,
    content: html`<div class="actions">
      <button class="${connection === undefined || lapsed !== undefined ? 'primary' : ''}">
        ${connection === undefined ? 'Connect it' : 'Connect it again'}
      </button>
    </div>`,
  })
  if (connection === undefined) {
    return html`<p>It is not connected: calls in your name are refused until you connect it.</p>
      ${connect}`
  }
  return html`${
      lapsed !== undefined &&
      html`<p class="notice bad">Your authorization has ended (<code>${visible(lapsed)}</code>). Connect it again.</p>`
    }
    ${
      details?.wanted !== undefined &&
      html`<p class="notice warn">
        It asked for more: <code>${visible(details.wanted)}</code>. Connect it again to give it.
      </p>`
    }
    <dl class="facts">
      <dt>Authorization server</dt>
      <dd><code>${visible(details?.issuer ?? '')}</code></dd>
      ${
        details?.scope !== undefined &&
        html`<dt>Asked for</dt>
          <dd><code>${visible(details.scope)}</code></dd>`
      }
      <dt>Since</dt>
      <dd>${instant(connection.createdAt)}</dd>
    </dl>
    ${connect}
    ${fold(
      'Remove it',
      form({
        action: `/connections/${name}/remove`,
        csrf,
        content: html`<p class="muted">The gateway forgets its tokens, and ends what is under way with them.</p>
          <div class="actions"><button class="danger">Remove the connection</button></div>`,
      }),
    )}`
}

async function bySignIn(
  { identity, config }: ControlRooms,
  { viewer }: Visit,
  { provider }: Extract<OnBehalf, { provider: string }>,
): Promise<Html> {
  const called = config.login.oidc.find(({ id }) => id === provider)?.name ?? provider
  const kept = await identity.findKept(viewer.principal.id, provider)
  const link = html`<div class="actions">
    <a class="button ${kept === undefined ? 'primary' : ''}" href="/sign-in/with/${provider}?return_to=/connections"
      >Sign in through ${visible(called)}${kept !== undefined && ' again'}</a
    >
  </div>`
  return kept === undefined
    ? html`<p>It knows who you are by ${visible(called)}. Sign in here through it; it serves until you sign out.</p>
        ${link}`
    : html`<p>Your login through ${visible(called)} speaks for you, until ${instant(kept.endsAt)} at the most.</p>
        ${link}`
}

/** Leads to the authorization server, once it is known where that is. */
export function leadThere(of: {
  upstream: string
  issuer: string
  formerIssuer: string | undefined
  scope: string | undefined
  authorizationUrl: string
  redirectUrl: string
  own: boolean
}): Html {
  const { upstream, issuer, formerIssuer, scope, authorizationUrl, redirectUrl, own } = of
  return html`<h1>Connect ${upstream}</h1>
    <div class="card">
      <p>${own ? 'It is connected at this authorization server:' : 'The upstream names this authorization server:'}</p>
      <p><code>${visible(issuer)}</code></p>
      ${
        formerIssuer !== undefined &&
        html`<p class="notice bad">
          Until now it was <code>${visible(formerIssuer)}</code>. Go on only if you know why that changed.
        </p>`
      }
      ${scopeList(scope)}
      <p class="muted">
        It asks you to sign in and to consent there, ${own ? 'as yourself' : 'for your organisation'}. Then it sends you
        back here, and nothing is connected before you have said so.
      </p>
      ${
        !own &&
        html`<p class="muted">
          A client that somebody registered there must have the redirect address <code>${visible(redirectUrl)}</code>.
        </p>`
      }
      <div class="actions">
        <a class="button primary" href="${authorizationUrl}" rel="noreferrer">Continue there</a>
        <a class="button" href="${own ? '/connections' : '/upstreams'}/${upstream}">Cancel</a>
      </div>
    </div>`
}
