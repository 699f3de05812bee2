/** What a fake MCP server offers beside tools; change its members to drift. */
export interface Offers {
  prompts: Record<string, unknown>[]
  resources: Record<string, unknown>[]
  templates: Record<string, unknown>[]
  extensions: Record<string, unknown>
}

/** A request's params, as loosely as a fake needs them. */
type Params = Record<string, unknown>

/** Prompts, resources and templates of a desk of notes. */
export function noteOffers(): Offers {
  return {
    prompts: [
      {
        name: 'summarise',
        description: 'Summarises a note.',
        arguments: [{ name: 'id', required: true }, { name: 'style' }],
      },
      { name: 'other', description: 'Something else.' },
    ],
    resources: [
      { uri: 'memo://readme', name: 'Read me', mimeType: 'text/plain', size: 7 },
      { uri: 'memo://notes/first', name: 'The first note' },
      { uri: 'memo://api-keys', name: 'API keys', description: 'The API keys of the desk.' },
    ],
    templates: [
      { uriTemplate: 'memo://notes/{id}', name: 'A note', mimeType: 'text/plain' },
      { uriTemplate: 'file:///{+path}', name: 'A file of the desk' },
      { uriTemplate: 'file:///private/{name}', name: 'A private file' },
    ],
    extensions: { 'example.com/dice': { sides: [6, 20] } },
  }
}

/** The capabilities that come with the offers. */
export function capabilitiesOf(offers: Offers | undefined): Record<string, unknown> {
  if (offers === undefined) return {}
  const { extensions } = offers
  return { prompts: { listChanged: true }, resources: { subscribe: true }, completions: {}, logging: {}, extensions }
}

/** The list that a method names; undefined when it lists none of the offers. */
export function listOf(
  offers: Offers,
  method: string,
): { member: string; entries: Record<string, unknown>[] } | undefined {
  switch (method) {
    case 'prompts/list':
      return { member: 'prompts', entries: offers.prompts }
    case 'resources/list':
      return { member: 'resources', entries: offers.resources }
    case 'resources/templates/list':
      return { member: 'resourceTemplates', entries: offers.templates }
    default:
      return undefined
  }
}

/** Answers what is no list: whatever was asked for, so that a test sees it arrive. */
export function answerOffer(method: string, params: Params): Record<string, unknown> | undefined {
  const said = (text: string) => ({ role: 'user', content: { type: 'text', text } })
  switch (method) {
    case 'prompts/get':
      return { messages: [said(`${String(params['name'])} ${JSON.stringify(params['arguments'] ?? {})}`)], 'x-odd': 1 }
    case 'resources/read':
      return { contents: [{ uri: params['uri'], text: `what is at ${String(params['uri'])}`, 'x-odd': 1 }] }
    case 'completion/complete':
      return { completion: { values: [JSON.stringify(params['argument'])], total: 1 } }
    case 'dice/roll':
      return { resultType: 'dice', rolled: params, icons: [{ src: 'https://dice.example/six.png' }] }
    default:
      return undefined
  }
}
