import { HaltError, RetryableError } from '../sink.ts'

/** Only the operator can mend these: rights, a read-only file system, a file where a folder should be. */
const operatorsFault = new Set(['EACCES', 'EPERM', 'EROFS', 'ENOTDIR', 'EISDIR', 'EEXIST', 'ELOOP', 'ENAMETOOLONG'])
const full = new Set(['ENOSPC', 'EDQUOT'])

/** Turns what the file system throws into what the pump should do next. */
export function toSinkError(error: unknown, folder: string): Error {
  const code = error instanceof Error && 'code' in error ? String(error.code) : undefined
  if (code === undefined) return error instanceof Error ? error : new Error(String(error))
  if (full.has(code)) {
    const message = `The disk is full under ${folder}. Make room there, or keep fewer files by keep.files or keep.days; delivery goes on by itself.`
    return new RetryableError(message, { cause: error })
  }
  if (operatorsFault.has(code)) {
    const message = `Files cannot be written to ${folder} (${code}). Let this user write there, or choose another folder.`
    return new HaltError(message, { cause: error })
  }
  return new RetryableError(`Writing to ${folder} failed (${code}).`, { cause: error })
}
