import type * as z from 'zod'
import type { Finding } from '../runtime/finding.ts'
import type { Log } from '../runtime/log.ts'
import type { Buffer } from './buffer.ts'

/** What a buffer's `open` receives besides its options. */
export interface BufferContext {
  /** The data folder that the process owns. */
  readonly dataDir: string
  readonly log: Log
}

/** What is the matter with a log's place. */
export interface BufferDiagnosis {
  readonly findings: readonly Finding[]
  /** Whether there is a log which `open` would open as it is: without making, growing or upgrading anything. */
  readonly isOpenable: boolean
}

export interface BufferDefinition<Options extends z.ZodObject = z.ZodObject> {
  /** One line for the docs and the command line. */
  readonly summary: string
  /** Options as a strict object; every option described, with its unit and default. Secrets are marked with `.meta({ secret: true })`. */
  readonly options: Options
  /** Opens the log, made where there is none. Throws BufferUnavailableError where it cannot be reached now, ConfigError where it may not be used as it is. */
  open(options: z.output<Options>, context: BufferContext): Promise<Buffer>
  /** Examines the place that the log is in or will be in, and changes nothing there. A server that is away is a finding; throws only the signal's reason. */
  diagnose(options: z.output<Options>, context: BufferContext, signal: AbortSignal): Promise<BufferDiagnosis>
}

/** Declares a buffer. */
export function defineBuffer<Options extends z.ZodObject>(
  definition: BufferDefinition<Options>,
): BufferDefinition<Options> {
  return definition
}
