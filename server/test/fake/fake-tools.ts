/**
 * What the tools of the fake MCP servers do, whatever carries them. A tool whose name is not among the behaviours echoes
 * its arguments, so that a test can give tools any names it likes.
 */
export interface ToolIo {
  progress(value: number): void
  log(text: string): void
  /** Asks the client something, as servers of the legacy era may. */
  request(method: string, params: Record<string, unknown>): Promise<Record<string, unknown>>
  /** Asks the client in the way of the era; undefined when that was the answer, and the client comes back. */
  ask(method: string, params: Record<string, unknown>): Promise<Record<string, unknown> | undefined>
  /** Withdraws the last question. */
  withdraw(): void
  listChanged(): void
  answer(result: Record<string, unknown>): void
  fail(code: number, message: string): void
  /** Ends the connection, or the process, without an answer. */
  vanish(): void
  addTool(tool: ToolDefinition): void
  environment(): Record<string, unknown>
}

export interface ToolDefinition {
  name: string
  description?: string
  inputSchema: Record<string, unknown>
  [member: string]: unknown
}

export function textResult(text: string): Record<string, unknown> {
  return { content: [{ type: 'text', text }] }
}

const propertiesOf: Record<string, Record<string, object>> = {
  progress: { flood: { type: 'number' } },
  ask_form: { fields: {} },
}

export function toolNamed(name: string, more: Partial<ToolDefinition> = {}): ToolDefinition {
  const properties = propertiesOf[name] ?? {}
  return { name, description: `Does ${name}.`, inputSchema: { type: 'object', properties }, ...more }
}

const behaviours: Record<string, (io: ToolIo, args: Record<string, unknown>) => void | Promise<void>> = {
  async progress(io, { flood = 0 }) {
    io.progress(1)
    for (let sent = 1; sent <= Number(flood); sent++) {
      io.progress(1 + sent / Number(flood))
      io.log(`line ${sent}`)
      if (sent % 1_000 === 0) await new Promise((resolve) => setImmediate(resolve))
    }
    io.log('half way')
    await new Promise((resolve) => setTimeout(resolve, 10))
    io.progress(2)
    io.answer(textResult('done'))
  },
  hang: (io) => io.progress(1),
  vanish: (io) => io.vanish(),
  fail: (io) => io.fail(-32602, 'no such thing'),
  wrong: (io) => io.answer({ ...textResult('it went wrong'), isError: true }),
  async ask_client(io) {
    const answer = await io.request('sampling/createMessage', {
      messages: [],
      maxTokens: 1,
      _meta: { progressToken: 'mine' },
    })
    io.answer(textResult(JSON.stringify(answer)))
  },
  async ask_twice(io) {
    void io.request('elicitation/create', {
      message: 'Never mind?',
      requestedSchema: { type: 'object', properties: {} },
    })
    io.withdraw()
    const answer = await io.request('roots/list', {})
    io.answer(textResult(JSON.stringify(answer)))
  },
  grow(io) {
    io.addTool(toolNamed('grown'))
    io.listChanged()
    io.answer(textResult('grown'))
  },
  huge: (io) => io.answer(textResult('x'.repeat(17 * 1024 * 1024))),
  environment: (io) => io.answer(textResult(JSON.stringify(io.environment()))),
  // More digits than a double holds, and an escape that another writer would write otherwise.
  big_number: (io) => io.answer({ ...textResult('see'), structuredContent: { raw: true } }),
  ask_input: (io) =>
    io.answer({
      resultType: 'input_required',
      inputRequests: { name: { method: 'elicitation/create', params: { mode: 'form', message: 'Your name?' } } },
      requestState: 'state',
    }),
}

const nameOnly = { name: { type: 'string' } }

const questions: Record<string, [method: string, params: Record<string, unknown>]> = {
  ask_form: ['elicitation/create', { message: 'Your name?' }],
  ask_url: ['elicitation/create', { mode: 'url', message: 'Pay', url: 'https://pay.example/1', elicitationId: 'e1' }],
  ask_sampling: ['sampling/createMessage', { messages: [], maxTokens: 1 }],
  ask_roots: ['roots/list', {}],
}

for (const [name, [method, params]] of Object.entries(questions)) {
  behaviours[name] = async (io, { fields = nameOnly }) => {
    const schema = name === 'ask_form' && { requestedSchema: { type: 'object', properties: fields } }
    const answer = await io.ask(method, { ...params, ...schema })
    if (answer !== undefined) io.answer(textResult(JSON.stringify(answer)))
  }
}

/** The names that do something of their own. */
export const behaviourNames: readonly string[] = Object.keys(behaviours)

/** Does what the tool of that name does. */
export async function runTool(name: string, args: Record<string, unknown>, io: ToolIo): Promise<void> {
  const behaviour = Object.hasOwn(behaviours, name) ? behaviours[name] : undefined
  if (behaviour === undefined) io.answer(textResult(JSON.stringify(args)))
  else await behaviour(io, args)
}
