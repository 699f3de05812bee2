import type { Check } from './check.ts'

/** A token may be narrower than its grant: then it carries no more than its own scope reaches. */
export const token: Check<'token.tool_beyond'> = {
  name: 'token',
  reasons: ['token.tool_beyond'],
  find({ reached }) {
    if (reached) return undefined
    return {
      reason: 'token.tool_beyond',
      message: 'cannot call this tool: the token was asked for by narrower scopes; get one whose scopes reach it',
      requestable: false,
    }
  },
}
