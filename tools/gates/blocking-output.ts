// Loaded into the process of a test file before the file: each write is done when it returns, so that no end comes too
// soon for it. Node has no public name for this; where it goes away, files are reported as lost again, and fail.
interface Handle {
  setBlocking?: (blocking: boolean) => number
}

for (const stream of [process.stdout, process.stderr])
  (stream as { readonly _handle?: Handle })._handle?.setBlocking?.(true)
