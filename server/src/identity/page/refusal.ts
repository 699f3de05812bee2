import { html } from '../../base/page.ts'
import { sentence, taskPage } from './frame.ts'

export function refusalPage(given: {
  title: string
  message: string
  code: string
  again: string | undefined
}): string {
  return taskPage(
    given.title,
    html`<p class="notice bad" role="alert">${sentence(given.message)}</p>
      ${given.again !== undefined && html`<p><a class="button" href="${given.again}">Try again</a></p>`}
      <p class="muted small">${given.code}</p>`,
  )
}
