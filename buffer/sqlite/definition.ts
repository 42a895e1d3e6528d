import * as z from 'zod'
import { defineBuffer } from '../define.ts'
import { diagnoseSqlite } from './diagnose.ts'
import { openSqliteBuffer } from './sqlite.ts'

export default defineBuffer({
  summary: 'Keeps records in a file of the data folder, for gateway and pump on one machine',
  options: z.strictObject({
    maxBytes: z
      .int()
      .min(1024 * 1024)
      .default(2 * 1024 ** 3)
      .describe(
        'Most bytes of records held; beyond, new ones are refused and counted. The file keeps the size it grew to',
      ),
  }),
  open: ({ maxBytes }, { dataDir }) => openSqliteBuffer({ dir: dataDir, maxBytes }),
  diagnose: ({ maxBytes }, { dataDir }) => diagnoseSqlite({ dir: dataDir, maxBytes, limit: 'buffer.maxBytes' }),
})
