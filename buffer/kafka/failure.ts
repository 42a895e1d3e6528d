import { AuthenticationError, findErrorBy, GenericError, type ProtocolError } from '@platformatic/kafka'

/** What an error of Kafka or of the client asks for. */
export type Failure =
  /** The same request may succeed soon, at the same broker or at another one. */
  | 'passing'
  /** Somebody else has the transactional id, or the transaction is over: what was asked was not done by us. */
  | 'overtaken'
  /** The position is not held. */
  | 'range'
  /** The operator has to change the user or its rights. */
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
}

/** Classifies what the client throws; the most telling of several causes counts. */
export function failureOf(error: unknown): Failure {
  if (error instanceof PassingError) return 'passing'
  if (!(error instanceof Error) || !GenericError.isGenericError(error)) return 'unknown'
  for (const [id, failure] of Object.entries(byProtocol)) if (findErrorBy(error, 'apiId', id)) return failure
  if (isRefusedConnection(error)) return 'refused'
  if (findErrorBy(error, 'canRetry', true)) return 'passing'
  return 'unknown'
}

/** The protocol's name of the error, or what the client says. */
export function describeFailure(error: unknown): string {
  if (!(error instanceof Error)) return String(error)
  const found = GenericError.isGenericError(error)
    ? findErrorBy<ProtocolError>(error, 'code', 'PLT_KFK_PROTOCOL')
    : null
  if (found) return `${found.apiId}: ${found.serverErrorMessage ?? found.message}`
  const cause = error.cause instanceof Error ? ` (${describeFailure(error.cause)})` : ''
  return `${error.message}${cause}`
}

function isRefusedConnection(error: Error): boolean {
  for (let cause: unknown = error; cause instanceof Error; cause = cause.cause)
    if (cause instanceof AuthenticationError) return true
  return false
}
