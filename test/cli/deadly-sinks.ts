/** Loaded before Penstock in a test's processes: the file sink meets records that end the process, as a defect in native code would. */

import file from '../../sinks/file/file.ts'
import type { SinkDefinition } from '../../sinks/sink.ts'

/** What a record's path does to the process that gives it to the file sink of the same name. */
const deaths: Record<string, () => void> = {
  exiting: () => process.exit(0),
  crashing: () => process.kill(process.pid, 'SIGSEGV'),
}

const definition = file as { -readonly [K in keyof SinkDefinition]: SinkDefinition[K] } // this process's own copy
const { open } = definition
definition.open = async (options, context) => {
  const sink = await open(options, context)
  const write = sink.write.bind(sink)
  sink.write = async (block, signal) => {
    for (const { path } of block.each()) if (path === `/${context.name}`) deaths[context.name]?.()
    return await write(block, signal)
  }
  return sink
}
