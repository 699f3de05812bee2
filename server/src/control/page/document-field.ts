import { html, type Html } from '../../base/page.ts'
import { documentBytesMax } from '../../base/limits.ts'

/** The field in which somebody brings an OpenAPI document. */
export function documentField({ required }: { required: boolean }): Html {
  return html`<div class="field">
    <label for="openapi">OpenAPI document</label>
    <input
      id="openapi"
      name="openapi"
      type="file"
      accept=".json,.yaml,.yml,application/json,application/yaml"
      ${required ? html`required` : ''}
      aria-describedby="openapi-hint"
    />
    <span class="hint" id="openapi-hint"
      >OpenAPI 3.0 or 3.1 in one file, at most ${documentBytesMax / 1024 / 1024} MiB as JSON or 1 MiB as YAML. Each
      operation becomes a tool.</span
    >
  </div>`
}
