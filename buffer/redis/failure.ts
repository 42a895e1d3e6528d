import { BufferFullError, BufferUnavailableError } from '../buffer.ts'

/** Replies of a server that is starting, failing over or short of replicas: it may take the same command soon. */
const passing = new Set([
  'LOADING',
  'READONLY',
  'MASTERDOWN',
  'CLUSTERDOWN',
  'TRYAGAIN',
  'MOVED',
  'ASK',
  'MISCONF',
  'NOREPLICAS',
  'BUSY',
  'UNBLOCKED',
])
/** Replies that only an operator can change. */
const refusing = new Set(['NOAUTH', 'WRONGPASS', 'NOPERM'])

/** Turns what the client throws into what the caller should do next. */
export function toBufferError(error: unknown, lastFailure?: Error): unknown {
  if (!(error instanceof Error)) return error
  const code = replyCode(error)
  if (code === 'OOM')
    return new BufferFullError('Redis has reached its maxmemory: raise it, or keep less beside the log.', {
      cause: error,
    })
  if (code === undefined || passing.has(code) || refusing.has(code))
    return new BufferUnavailableError(`Redis does not serve: ${(lastFailure ?? error).message}`, {
      cause: lastFailure ?? error,
    })
  return error
}

/** Whether Redis refuses the user, which no waiting changes. */
export function isRefusal(error: unknown): error is Error {
  const code = error instanceof Error ? replyCode(error) : undefined
  return code !== undefined && refusing.has(code)
}

/** What an ACL user must be given. */
export function neededRights(prefix: string): string {
  return `It needs the keys ~{${prefix}:* and the commands +@read +@write +@scripting +@connection +info +time +wait.`
}

/** Whether a primary has become a replica: another connection may lead to the new primary. */
export function isReplica(error: Error): boolean {
  return replyCode(error) === 'READONLY'
}

export function isUnknownScript(error: unknown): boolean {
  return error instanceof Error && replyCode(error) === 'NOSCRIPT'
}

/** First word of an error that Redis replied with, before Redis 7 at the end of what it says of the script; undefined for an error of the connection. */
function replyCode(error: Error): string | undefined {
  if (error.name !== 'ReplyError') return undefined
  return /^(?:ERR Error running script .*: -)?([A-Z]+)/.exec(error.message)?.[1]
}
