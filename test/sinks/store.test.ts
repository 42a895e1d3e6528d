import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import store from '../../sinks/store/store.ts'
import { sinkContract } from './contract.ts'
import { readParquet } from './store/parquet-reader.ts'

sinkContract('store', {
  definition: store,
  async fresh(t) {
    const dir = await mkdtemp(join(tmpdir(), 'penstock-store-'))
    t.after(() => rm(dir, { recursive: true, force: true }))
    return { options: { dir }, stored: () => readParquet(dir) }
  },
})
