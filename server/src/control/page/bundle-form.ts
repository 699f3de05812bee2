import { html, type Html } from '../../base/page.ts'
import { visible } from '../../base/visible.ts'
import type { Bundle } from '../../model/bundle.ts'
import type { Visit } from '../page.ts'
import type { ControlRooms } from '../rooms.ts'
import { option, reasonField } from './elements.ts'

/** The fields that make a bundle what it is. */
export async function bundleFields(
  { identity, inventory }: Pick<ControlRooms, 'identity' | 'inventory'>,
  { viewer }: Visit,
  bundle?: Bundle,
): Promise<Html> {
  const people = (await identity.listPrincipals({ limit: 500 })).filter(
    ({ kind, state }) => kind === 'person' && state === 'active',
  )
  const served = (await inventory.listUpstreams()).filter(({ state }) => state === 'approved')
  const lines = bundle?.members.map(({ upstream, prefix }) => `${upstream} ${prefix}`) ?? []
  return html`<div class="field">
      <label for="members">Upstreams and prefixes, one a line</label>
      <textarea
        id="members"
        name="members"
        rows="${Math.max(4, lines.length + 1)}"
        required
        class="mono"
        spellcheck="false"
        autocapitalize="none"
        placeholder="memory memory"
        aria-describedby="members-hint"
      >
${lines.join('\n')}</textarea>
      <span class="hint" id="members-hint"
        >In the order of the list. A tool is called by its prefix, <code>_</code> and its name. A prefix has 1 to 12 of
        a–z and 0–9, begins no other, looks like no other, and stays. Serving now:
        ${served.map(({ name }, at) => html`${at > 0 && ', '}<code>${name}</code>`)}.</span
      >
    </div>
    <div class="field">
      <label for="purpose">What is it for?</label>
      <textarea id="purpose" name="purpose" required minlength="3" maxlength="500">
${visible(bundle?.purpose ?? '')}</textarea>
    </div>
    <div class="field">
      <label for="ownerId">Who owns it?</label>
      <select id="ownerId" name="ownerId" required>
        ${people.map(({ id, name }) => option(id, visible(name), id === (bundle?.ownerId ?? viewer.principal.id)))}
      </select>
    </div>
    ${reasonField('reason')}`
}
