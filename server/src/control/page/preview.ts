import { html, type Html } from '../../base/page.ts'
import { visible } from '../../base/visible.ts'
import { counted, empty, itemLabel } from './elements.ts'

interface Shown {
  person?:
    | {
        issuer: string
        subject: string
        name: string
        email?: string | undefined
        principalId?: string | undefined
      }
    | undefined
  subjectClaim: string
  values?: readonly string[] | undefined
  because?: 'overage' | 'unreadable' | undefined
  groups: readonly { id: string; name: string; values: readonly string[] }[]
  rights: readonly { principalId: string; right: string; upstream: string; tool: string }[]
}

const whys = {
  overage:
    'The claims say that there are too many groups for a token. At a sign-in they are asked for at groupsEndpoint; without that setting the sign-in fails.',
  unreadable: 'The list of groups cannot be read. A sign-in with these claims fails.',
}

/** What would come of claims. Nothing was changed. */
export function previewShown(provider: string, shown: Shown): Html {
  const { values, because, groups, rights } = shown
  return html`<h1>What would come of it</h1>
    <p class="muted">Nothing was changed.</p>
    ${whoShown(shown)} ${because !== undefined && html`<p class="notice warn">${whys[because]}</p>`}
    <section class="card stack tight">
      <h2>The provider says</h2>
      ${
        values !== undefined &&
        (values.length === 0
          ? empty('No groups.')
          : html`<ul class="plain">
              ${values.slice(0, 200).map((value) => html`<li><code>${visible(value)}</code></li>`)}
            </ul>`)
      }
    </section>
    <section class="card stack tight">
      <h2>Groups here</h2>
      ${groups.length === 0 && empty('None.')}
      <ul class="plain">
        ${groups.map(
          (one) =>
            html`<li>
              <a href="/people/${one.id}">${visible(one.name)}</a>
              <span class="muted small"
                >${
                  one.values.length === 0
                    ? 'contains another of these'
                    : html`by ${one.values.slice(0, 5).map((value, at) => html`${at > 0 && ', '}${visible(value)}`)}`
                }</span
              >
            </li>`,
        )}
      </ul>
    </section>
    <section class="card stack tight">
      <h2>Rights by them</h2>
      ${rights.length === 0 && empty('None.')}
      ${[...Map.groupBy(rights, ({ right, upstream }) => `${right === 'use' ? 'Use' : 'Approve'} of ${upstream}`)].map(
        ([title, some]) =>
          html`<h3>${title}, ${counted(some.length, 'tool', 'tools')}</h3>
            <p>${some.map((one, at) => html`${at > 0 && ', '}${itemLabel(one.tool)}`)}</p>`,
      )}
    </section>
    <div class="actions"><a class="button" href="/providers/${provider}">Back to the rules</a></div>`
}

function whoShown({ person, subjectClaim }: Shown): Html {
  if (person === undefined)
    return html`<p class="notice warn">
      The claims do not say who it is: <code>${subjectClaim}</code> must be 1 to 255 visible ASCII characters. A sign-in
      with these claims fails.
    </p>`
  const { issuer, subject, name, email, principalId } = person
  return html`<section class="card stack tight">
    <h2>The person</h2>
    <dl class="facts">
      <dt>Name</dt>
      <dd>${visible(name)}</dd>
      <dt>E-mail</dt>
      <dd>${email === undefined ? html`<span class="muted">not said</span>` : visible(email)}</dd>
      <dt>Known by</dt>
      <dd>
        <code>${visible(subject)}</code> <span class="muted small">from ${subjectClaim}</span>, of
        <code>${visible(issuer)}</code>
      </dd>
      <dt>Here</dt>
      <dd>
        ${
          principalId === undefined
            ? html`<span class="muted">nobody yet: is made at the first sign-in</span>`
            : html`<a href="/people/${principalId}">the same person</a>`
        }
      </dd>
    </dl>
  </section>`
}
