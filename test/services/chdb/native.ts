import { createRequire } from 'node:module'
import { join } from 'node:path'

/** What we use of chdb's native part. Its JavaScript API refuses RowBinary, escapes parameters a second time and reads whole results. */
export interface Native {
  CreateConnection(folder: string, args: readonly string[]): Connection
  CloseConnection(connection: Connection): void
  QueryAsyncConnection(connection: Connection, sql: string, format: string): Promise<QueryResult>
  InsertRawAsyncConnection(
    connection: Connection,
    sql: string,
    data: Buffer,
    countLines: boolean,
  ): Promise<InsertResult>
  StreamQuery(connection: Connection, sql: string, format: string): Stream
  StreamFetch(stream: Stream): Promise<{ done: true } | { done: false; bytes: Buffer }>
  StreamCancel(stream: Stream): void
}

export type Connection = { readonly connection: unique symbol }
export type Stream = { readonly stream: unique symbol }

export interface QueryResult {
  bytes: Buffer
  rowsRead: number
  bytesRead: number
}

export interface InsertResult {
  /** With those that materialized views wrote. */
  rowsWritten: number
  bytesWritten: number
}

/** Loads chdb from the folder that `npm ci` filled. */
export function loadNative(installed: string): Native {
  const loader = createRequire(join(installed, 'package.json'))(join(installed, 'node_modules/chdb/dist/loader.js'))
  return (loader as { loadNative(): Native }).loadNative()
}
