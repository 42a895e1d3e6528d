import type { DuckDBConnection, DuckDBInstance } from '@duckdb/node-api'
import { type DuckDb, runSql } from './duckdb.ts'
import type { Encoded } from './encode.ts'
import { type ReadableFile, recordsSql, sqlText } from './schema.ts'

/** Writes Parquet files. A file that could not be written whole is not there. */
export interface ParquetWriter extends Disposable {
  /** Writes encoded records; one call at a time. */
  write(encoded: Encoded, path: string, signal: AbortSignal): Promise<void>
  /** Writes the records of several files into one; may run beside `write`. */
  merge(files: readonly ReadableFile[], path: string, signal: AbortSignal): Promise<void>
}

/** 20,480 rows or 32 MB a row group: a merge of these took 65 MB of memory beside 110 MB for groups three times as large, and makes files 4 % larger. */
const rowGroup = "ROW_GROUP_SIZE 20480, ROW_GROUP_SIZE_BYTES '32MB'"
/** A block is compressed lightly, since most are soon merged; what is worth a dictionary comes as one. */
const blockFormat = `FORMAT parquet, COMPRESSION zstd, COMPRESSION_LEVEL 1, DICTIONARY_SIZE_LIMIT 1024, ${rowGroup}, USE_TMP_FILE false`
/** What is there to stay is compressed well. */
export const mergedFormat = `FORMAT parquet, COMPRESSION zstd, ${rowGroup}, USE_TMP_FILE false`

const noParameters = {}

/** Opens a writer on an engine. DuckDB pulls the records as a table of its own, 2,048 at a time: they are never held twice. */
export async function openParquetWriter(duck: DuckDb, engine: DuckDBInstance): Promise<ParquetWriter> {
  const writing = await engine.connect()
  const merging = await engine.connect()
  const source = registerSource(duck, writing)
  return {
    async write(encoded, path, signal) {
      source.begin(encoded, signal)
      try {
        await runSql(writing, `COPY (FROM ${source.name}()) TO ${sqlText(path)} (${blockFormat})`, noParameters, signal)
      } finally {
        source.end()
      }
    },
    async merge(files, path, signal) {
      await runSql(merging, `COPY (${recordsSql(files)}) TO ${sqlText(path)} (${mergedFormat})`, noParameters, signal)
    },
    [Symbol.dispose]() {
      writing.closeSync()
      merging.closeSync()
    },
  }
}

/** A table function that gives the records that are being written. */
function registerSource({ api, bindings }: DuckDb, connection: DuckDBConnection) {
  const name = 'records_being_written'
  const vectorSize = bindings.vector_size()
  let current: { readonly encoded: Encoded; readonly signal: AbortSignal; given: number } | undefined
  connection.registerTableFunction(
    api.DuckDBTableFunction.create({
      name,
      bindFunction(info) {
        if (!current) throw new Error('No records are being written.')
        for (const column of current.encoded.columns) info.addResultColumn(column.name, column.type)
      },
      initFunction() {},
      mainFunction(_info, chunk) {
        const count = current ? Math.min(vectorSize, current.encoded.rows - current.given) : 0
        chunk.rowCount = count
        if (!current || count === 0) return
        current.signal.throwIfAborted()
        for (const [i, column] of current.encoded.columns.entries())
          column.fill(bindings.data_chunk_get_vector(chunk.chunk, i), current.given, count)
        current.given += count
      },
    }),
  )
  return {
    name,
    begin(encoded: Encoded, signal: AbortSignal) {
      current = { encoded, signal, given: 0 }
    },
    end() {
      current = undefined
    },
  }
}
