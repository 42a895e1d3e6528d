import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { openSqliteBuffer } from '../../buffer/sqlite/sqlite.ts'
import { bufferContract } from './contract.ts'
import type { ScratchLog } from './scratch-log.ts'

async function makeLog({ maxBytes = 100_000_000 } = {}): Promise<ScratchLog> {
  const opened = new AsyncDisposableStack()
  const dir = await mkdtemp(join(tmpdir(), 'penstock-sqlite-'))
  opened.defer(() => rm(dir, { recursive: true }))
  return {
    open: async () => opened.use(await openSqliteBuffer({ dir, maxBytes })),
    address: { type: 'sqlite', options: { maxBytes }, dataDir: dir },
    [Symbol.asyncDispose]: () => opened.disposeAsync(),
  }
}

bufferContract('sqlite', makeLog)
