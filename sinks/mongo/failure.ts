import {
  MongoAPIError,
  MongoBulkWriteError,
  MongoClientClosedError,
  MongoError,
  MongoNotConnectedError,
  MongoParseError,
  MongoServerClosedError,
  MongoServerError,
  MongoTopologyClosedError,
} from 'mongodb'
import { certificateFault } from '../certificate.ts'
import { HaltError, RejectedError, RetryableError } from '../sink.ts'

/** Errors of the server that only the operator can mend. */
const operatorsFault: Readonly<Record<number, string>> = {
  11: 'UserNotFound',
  13: 'Unauthorized',
  18: 'AuthenticationFailed',
  20: 'IllegalOperation',
  31: 'RoleNotFound',
  59: 'CommandNotFound',
  73: 'InvalidNamespace',
  79: 'UnknownReplWriteConcern',
  100: 'UnsatisfiableWriteConcern',
  115: 'CommandNotSupported',
  166: 'CommandNotSupportedOnView',
  323: 'APIStrictError',
  334: 'MechanismUnavailable',
  8000: 'AtlasError',
}

const duplicateKey = 11_000

/** Errors of the server that pass by themselves: it restarts, elects, is slow or full. */
const passing: Readonly<Record<number, string>> = {
  6: 'HostUnreachable',
  7: 'HostNotFound',
  24: 'LockTimeout',
  46: 'LockBusy',
  50: 'MaxTimeMSExpired',
  64: 'WriteConcernTimeout',
  89: 'NetworkTimeout',
  91: 'ShutdownInProgress',
  112: 'WriteConflict',
  117: 'ConflictingOperationInProgress',
  133: 'FailedToSatisfyReadPreference',
  189: 'PrimarySteppedDown',
  202: 'NetworkInterfaceExceededTimeLimit',
  262: 'ExceededTimeLimit',
  461: 'NotEnoughDiskSpace',
  9001: 'SocketException',
  10107: 'NotWritablePrimary',
  [duplicateKey]: 'DuplicateKey', // of a usage document that a late write of another owner made at the same time
  11600: 'InterruptedAtShutdown',
  11601: 'Interrupted',
  11602: 'InterruptedDueToReplStateChange',
  13435: 'NotPrimaryNoSecondaryOk',
  13436: 'NotPrimaryOrSecondary',
  14031: 'OutOfDiskSpace',
}

/** Errors that the same document will cause again. */
const documentsFault: Readonly<Record<number, string>> = {
  2: 'BadValue',
  22: 'InvalidBSON',
  52: 'DollarPrefixedFieldName',
  57: 'DottedFieldName',
  121: 'DocumentValidationFailure',
  10334: 'BSONObjectTooLarge',
  16328: 'Document larger than the capped collection',
  17280: 'KeyTooLong',
  17419: 'Resulting document larger than 16 MiB',
  17420: 'Document to insert larger than 16 MiB',
}

/** MongoDB names the index of a duplicate: the one of `_id`, or a unique one that somebody has added. */
const otherIndex = / index: (?!_id_)/

/** What a document's error in an insert says about it: it is there already, it will never be taken, or something else is wrong. */
export function meaningOf(code: number, message: string): 'present' | 'refused' | 'other' {
  if (code === duplicateKey) return otherIndex.test(message) ? 'refused' : 'present'
  return code in documentsFault ? 'refused' : 'other'
}

/** Turns what the driver throws into what the pump should do next. What is none of its errors, and one that nobody knows, stays an unknown error. */
export function toSinkError(error: unknown): unknown {
  if (error instanceof RetryableError || error instanceof RejectedError || error instanceof HaltError) return error
  const fault = certificateFault(error)
  if (fault) return new HaltError(`MongoDB cannot be trusted over TLS (${fault}): check url.`, { cause: error })
  if (error instanceof MongoBulkWriteError && error.errorResponse instanceof Error)
    return toSinkError(error.errorResponse)
  if (error instanceof MongoServerError) return toServerError(error)
  return isOutOfReach(error)
    ? new RetryableError(`MongoDB did not answer: ${messageOf(error)}`, { cause: error })
    : error
}

function toServerError(error: MongoServerError): Error {
  const { message } = error
  const code = Number(error.code ?? 0)
  // A bulk error holds the documents that were written: it would carry them into the log.
  const options = error instanceof MongoBulkWriteError ? {} : { cause: error }
  if (code === 18 || code === 8000)
    return new HaltError(`MongoDB refused the login: ${message} Check user, password and authSource in url.`, options)
  if (code in operatorsFault)
    return new HaltError(`MongoDB refused what the operator must allow or change: ${message}`, options)
  if (code in passing || error.hasErrorLabel('RetryableWriteError'))
    return new RetryableError(`MongoDB could not take the block now: ${message}`, options)
  return new Error(`MongoDB failed with error ${code}: ${message}`, options)
}

const closed = [MongoClientClosedError, MongoNotConnectedError, MongoServerClosedError, MongoTopologyClosedError]

/** The connection failed, before or after a command was sent: not the server's word, nor a wrong use of the driver. */
function isOutOfReach(error: unknown): boolean {
  if (closed.some((type) => error instanceof type)) return true
  if (error instanceof MongoAPIError || error instanceof MongoParseError) return false
  return error instanceof MongoError || (error instanceof Error && 'syscall' in error) // DNS fails with Node's own errors
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message || error.name : String(error)
}
