import { AuthenticationError, ProtocolError, UserError } from '@platformatic/kafka'

/** What an error of Kafka or of the client asks for. */
export type Failure =
  /** The same request may succeed soon, at the same broker or at another one. */
  | 'passing'
  /** Somebody else has the transactional id, or the transaction is over: what was asked was not done by us. */
  | 'overtaken'
  /** The position is not held. */
  | 'range'
  /** The operator has to change how we connect, or what the user may do. */
  | 'refused'
  /** There is no such topic, or not the one that was opened. */
  | 'missing'
  | 'unknown'

/** What may be otherwise soon, as the brokers' answers say. */
export class PassingError extends Error {
  override readonly name = 'PassingError'
}

const byProtocol: Readonly<Record<string, Failure>> = {
  PRODUCER_FENCED: 'overtaken',
  INVALID_PRODUCER_EPOCH: 'overtaken',
  INVALID_PRODUCER_ID_MAPPING: 'overtaken',
  INVALID_TXN_STATE: 'overtaken',
  UNKNOWN_PRODUCER_ID: 'overtaken',
  OUT_OF_ORDER_SEQUENCE_NUMBER: 'overtaken',
  DUPLICATE_SEQUENCE_NUMBER: 'overtaken',
  TRANSACTIONAL_ID_NOT_FOUND: 'overtaken',
  TRANSACTION_ABORTABLE: 'overtaken',
  OFFSET_OUT_OF_RANGE: 'range',
  UNKNOWN_TOPIC_OR_PARTITION: 'missing',
  UNKNOWN_TOPIC_ID: 'missing',
  INCONSISTENT_TOPIC_ID: 'missing',
  SASL_AUTHENTICATION_FAILED: 'refused',
  UNSUPPORTED_SASL_MECHANISM: 'refused',
  TOPIC_AUTHORIZATION_FAILED: 'refused',
  GROUP_AUTHORIZATION_FAILED: 'refused',
  CLUSTER_AUTHORIZATION_FAILED: 'refused',
  TRANSACTIONAL_ID_AUTHORIZATION_FAILED: 'refused',
  // Not marked as retriable by the client, and yet a matter of waiting.
  CONCURRENT_TRANSACTIONS: 'passing',
  FENCED_LEADER_EPOCH: 'passing',
  UNKNOWN_LEADER_EPOCH: 'passing',
  COORDINATOR_NOT_AVAILABLE: 'passing',
  COORDINATOR_LOAD_IN_PROGRESS: 'passing',
  NOT_COORDINATOR: 'passing',
  TRANSACTION_COORDINATOR_FENCED: 'passing',
}

/** Classifies what the client throws; the most telling of several causes counts. */
export function failureOf(error: unknown): Failure {
  const causes = [...causesOf(error)]
  const ids = new Set(causes.map((cause) => ('apiId' in cause ? cause.apiId : undefined)))
  for (const [id, failure] of Object.entries(byProtocol)) if (ids.has(id)) return failure
  if (causes.some((cause) => cause instanceof AuthenticationError || cause instanceof UserError)) return 'refused' // the latter where a broker wants TLS
  return causes.some((cause) => cause instanceof PassingError || ('canRetry' in cause && cause.canRetry === true))
    ? 'passing'
    : 'unknown'
}

/** Whether all that went wrong is this, by the protocol's name. */
export function isOnly(error: unknown, id: string): boolean {
  const ids = [...causesOf(error)].flatMap((cause) => ('apiId' in cause ? [cause.apiId] : []))
  return ids.length > 0 && ids.every((one) => one === id)
}

/** What the protocol says, or what lies at the bottom of it. */
export function describeFailure(error: unknown): string {
  const causes = [...causesOf(error)]
  const protocol = causes.find((cause) => cause instanceof ProtocolError)
  if (protocol) return `${protocol.apiId}: ${protocol.serverErrorMessage ?? protocol.message}`
  return (causes.at(-1)?.message ?? String(error)).replace(/\.+$/, '')
}

/** An error, then what it was made of and what caused it. */
function* causesOf(error: unknown): Generator<Error> {
  if (!(error instanceof Error)) return
  yield error
  if (error instanceof AggregateError) for (const one of error.errors) yield* causesOf(one)
  yield* causesOf(error.cause)
}
