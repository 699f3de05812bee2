import type { Check } from './check.ts'

/** The grant covers the tools that were chosen, by the definitions that were shown, and no later ones. */
export const choice: Check<'grant.tool_not_chosen' | 'grant.definition_changed'> = {
  name: 'choice',
  reasons: ['grant.tool_not_chosen', 'grant.definition_changed'],
  find({ grant, tool }) {
    if (grant?.toolDigest === undefined) {
      return {
        reason: 'grant.tool_not_chosen',
        message: 'cannot call this tool: it was not chosen for this client; connect it again and choose it',
        requestable: false,
      }
    }
    if (grant.toolDigest !== tool?.digest) {
      return {
        reason: 'grant.definition_changed',
        message: 'cannot call this tool: it has changed since it was chosen for this client; connect it again',
        requestable: false,
      }
    }
    return undefined
  },
}
