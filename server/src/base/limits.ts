/**
 * The bounds of the house, units in the name. Each is a decision: the comment says what it protects and why it is not
 * smaller or larger. Code that needs a bound takes it from here; a bound that only one closet needs lives there.
 */

/** Largest request or message body. Base64 pictures of 3 MB pass; more is a file transfer, which is not a tool call. */
export const bodyBytesMax = 4 * 1024 * 1024

/** Deepest JSON nesting. Real tool calls stay below 15; 64 bounds every recursive reader, ours and the upstream's. */
export const jsonDepthMax = 64

/** Largest body of a form or of a JSON request at the OAuth endpoints and pages: nothing genuine comes near. */
export const formBytesMax = 64 * 1024

/** Largest API description that an administrator brings: GitHub's has 13 MB. It is read while nothing else happens. */
export const documentBytesMax = 16 * 1024 * 1024

/** Largest request line and headers together: the limit of node and of most proxies, so nobody sees more than we do. */
export const headerBytesMax = 16 * 1024

/** Longest request target. Pages and OAuth requests stay below 4 KiB; pushed requests exist for what is longer. */
export const targetBytesMax = 8 * 1024

/** A client must have sent its headers by then: slow headers cost the attacker as much as us. */
export const headersTimeoutMs = 10_000

/** A client must have sent its whole request by then: 4 MiB at 35 kB/s. Answers may stream for as long as they like. */
export const requestTimeoutMs = 120_000

/** An idle client connection is kept this long: longer than the 60 s after which common proxies drop theirs. */
export const keepAliveMs = 65_000

/** Connections that one listener holds at once: ten thousand idle streams and as many calls. Open files may end before. */
export const connectionsMax = 20_000

/** Connections that may wait to be accepted: when a gateway comes back, all its clients do. The kernel may allow fewer. */
export const connectingMax = 4_096

/** How long a closing door waits for answers under way before it cuts them. */
export const closeGraceMs = 5_000

/** How often a closing door drops the connections that have nothing under way any more: nobody notices the wait. */
export const closeSweepMs = 20

/** Time for one step towards another host: the name, or one attempt at TCP and TLS. */
export const connectTimeoutMs = 3_000

/** Addresses of one host that are tried in turn. */
export const connectAttemptsMax = 3

/** Largest document that we fetch for our own use (client metadata, keys, discovery). A key set of 50 keys is 40 kB. */
export const fetchBytesMax = 256 * 1024

/** A document that we fetch for our own use must be complete by then: somebody waits at a browser for it. */
export const fetchTimeoutMs = 5_000

/** An upstream must have answered with headers by then. Tool calls may be slow; clients give up after 60 to 300 s. */
export const upstreamHeadersTimeoutMs = 300_000

/** An idle connection to an upstream is kept this long: below the 5 s after which many node servers close theirs. */
export const upstreamKeepAliveMs = 4_000

/** Connections to one upstream: each carries one call, streams included. */
export const upstreamConnectionsMax = 256

/** Messages of one JSON-RPC batch: all of them are under way at once, and each counts as a call. */
export const batchMessagesMax = 32

/** Streams and calls that one principal may hold open at once: agents open one stream a server and some calls beside. */
export const streamsPerPrincipalMax = 64
