/** One statement as the engine runs it. */
export interface Statement {
  sql: string
  /** Of the result, when the statement does not say. */
  format: string
  database?: string
  /** Settings and `param_…` values, for this statement alone. */
  settings: Readonly<Record<string, string>>
  /** What an INSERT inserts, in the format that its text names. */
  data?: Buffer
}

/** An error as the server words it; the client takes the code and the type from the text. */
export const exception = (code: number, type: string, message: string) =>
  new Error(`Code: ${code}. DB::Exception: ${message} (${type})`)

const literalOrComment = /'(?:[^'\\]|\\.)*'|`(?:[^`\\]|\\.)*`|"(?:[^"\\]|\\.)*"|--[^\n]*|#[ !][^\n]*|\/\*[\s\S]*?\*\//g

export const isInsert = (sql: string) => /^\W*INSERT\b/i.test(sql.replace(literalOrComment, ''))

/** The engine would run several statements at once; a server refuses them over HTTP, so that we do. */
export function checkSingle(sql: string): void {
  if (isInsert(sql)) return // its data may be in the text
  if (/;\s*\S/.test(sql.replace(literalOrComment, ' '))) {
    throw exception(62, 'SYNTAX_ERROR', 'Syntax error (Multi-statements are not allowed)')
  }
}

/** Formats without a head or a tail: their chunks can be put together. The engine formats each chunk as a result of its own. */
const chunkable = new Set(
  'JSONEachRow JSONStringsEachRow JSONCompactEachRow JSONCompactStringsEachRow CSV TSV TabSeparated RowBinary'.split(
    ' ',
  ),
)

export function isStreamable({ sql, format }: Statement): boolean {
  const named = /\bFORMAT\s+(\w+)\s*(?:SETTINGS\b[^']*)?;?\s*$/i.exec(sql)?.[1]
  return /^[\s(]*(?:SELECT|WITH)\b/i.test(sql.replace(literalOrComment, '')) && chunkable.has(named ?? format)
}

/** What to run on a fresh connection before the statement. */
export function preparation({ database, settings }: Statement): string[] {
  const values = Object.entries(settings).map(([name, value]) => `${identifier(name)} = ${quoted(value)}`)
  return [
    ...(database ? [`USE \`${database.replaceAll('`', '\\`')}\``] : []),
    ...(values.length > 0 ? [`SET ${values.join(', ')}`] : []),
  ]
}

function identifier(name: string): string {
  if (/^\w+$/.test(name)) return name
  throw exception(115, 'UNKNOWN_SETTING', `Unknown setting '${name}'`)
}

const quoted = (value: string) => `'${value.replace(/[\\']/g, '\\$&')}'`
