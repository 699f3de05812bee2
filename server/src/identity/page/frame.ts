import { html, type Html, page } from '../../base/page.ts'

/** A page for one task: a heading and a card. */
export function taskPage(title: string, content: Html): string {
  return page({
    title,
    width: 'narrow',
    body: html`<h1>${title}</h1>
      ${content}`,
  })
}

/** What our faults say starts in lower case and has no full stop; on a page it is a sentence. */
export function sentence(message: string): string {
  return `${message.charAt(0).toUpperCase()}${message.slice(1)}.`
}

export function problem(message: string | undefined): Html {
  if (message === undefined) return html``
  return html`<p class="notice bad" role="alert" id="problem">${sentence(message)}</p>`
}

export function hidden(fields: Record<string, string>): Html {
  return html`${Object.entries(fields).map(([name, value]) => html`<input type="hidden" name="${name}" value="${value}" />`)}`
}
