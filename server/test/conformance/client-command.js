// What the suite runs as the client: it tells the harness where the suite's server is, and waits until it is done. The
// harness has the gateway, and everybody who works with it.
const told = {
  url: process.argv.at(-1),
  scenario: process.env.MCP_CONFORMANCE_SCENARIO,
  revision: process.env.MCP_CONFORMANCE_PROTOCOL_VERSION,
  context: JSON.parse(process.env.MCP_CONFORMANCE_CONTEXT ?? '{}'),
}
const answer = await fetch(String(process.env.SALLYPORT_HARNESS), { method: 'POST', body: JSON.stringify(told) })
process.stdout.write(await answer.text())
process.exitCode = answer.ok ? 0 : 1
