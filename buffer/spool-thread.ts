import { threadData, threadPort } from '../runtime/thread.ts'
import type { Buffer } from './buffer.ts'
import type { BufferDefinition } from './define.ts'
import { forwardReader, openForwarder } from './forward.ts'
import { buffers } from './index.ts'
import { Spool } from './spool.ts'
import type { FromSpool, SpoolData, SpoolReport, ToSpool } from './spool-protocol.ts'
import { openSqliteBuffer } from './sqlite/sqlite.ts'

/** 1 s: often enough for a metric; a look at the log is a few queries. */
const reportMs = 1000

const { local, remote, keepMs, producer: known } = threadData<SpoolData>()
const port = threadPort<ToSpool, FromSpool>()
const closing = new AbortController()

const opened = new AsyncDisposableStack()
const buffer = opened.use(await openSqliteBuffer(remote ? { ...local, keepMs } : local))
const producer = known ?? (await buffer.nextBoot())
const writer = opened.use(await buffer.writer())
const owner = `${producer.producer}/${producer.boot}`
const forwarder = remote && opened.use(openForwarder({ local: buffer, keepMs, openRemote, owner, log: port.log }))
const spool = new Spool({
  into: { buffer, writer },
  producer,
  onAppended(throughSeq) {
    port.post({ kind: 'appended', throughSeq })
    forwarder?.wake()
  },
  log: port.log,
  signal: closing.signal,
})

function openRemote(): Promise<Buffer> {
  const { type, options, dataDir } = remote! // only called by a forwarder
  const definition: BufferDefinition = buffers[type]
  return definition.open({ ...options }, { dataDir, log: port.log })
}

/** Undefined where the log does not answer: the last report stands, and whoever appends says what is wrong. */
async function look(): Promise<SpoolReport | undefined> {
  const [shard] = await buffer.inspect().catch(() => [])
  if (!shard) return undefined
  const backlog = shard.ledgers.find(({ sink }) => sink === forwardReader)?.backlog ?? 0
  const tally = forwarder?.tally ?? { forwarded: 0, skipped: 0 }
  return { ...tally, spoolBytes: shard.bytes, spoolBacklog: backlog }
}

async function report(): Promise<void> {
  const now = await look()
  if (now) port.post({ kind: 'report', report: now })
}

async function close(forwardMs: number): Promise<void> {
  clearInterval(reporting)
  closing.abort()
  await spool.idle()
  await forwarder?.finish(AbortSignal.timeout(forwardMs))
  await report()
  await opened.disposeAsync()
  port.close()
}

port.post({ kind: 'ready', producer, report: await look() })
const reporting = setInterval(() => void report(), reportMs)
port.listen((message) => {
  if (message.kind === 'append') spool.take(message.frames)
  else void close(message.forwardMs)
})
