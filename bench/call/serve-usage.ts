/**
 * Answers the bench's questions about this process: CPU time so far, in microseconds, and the memory it holds.
 *
 * @param more what else the process knows of itself.
 */
export function serveUsage(
  first: string,
  close: () => Promise<void> = async () => undefined,
  more: () => object = () => ({}),
): void {
  process.on('message', () => {
    const { user, system } = process.cpuUsage()
    process.send!({
      ...more(),
      cpuMicroseconds: user + system,
      residentBytes: process.memoryUsage.rss(),
    })
  })
  process.once('disconnect', () => void close().finally(() => process.exit(0)))
  process.send!(first)
}

/** What `serveUsage` answers. */
export interface Usage {
  cpuMicroseconds: number
  residentBytes: number
}
