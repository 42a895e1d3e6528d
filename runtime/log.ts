import { pino } from 'pino'

export type Level = 'debug' | 'info' | 'warn' | 'error'

/** Facts beside a log sentence, in base units. An `error` field is printed with its stack and causes. */
export type LogFields = Readonly<Record<string, unknown>>

/** Writes one line: a constant sentence that ends with a period, and its facts as fields. */
export type Log = (level: Level, sentence: string, fields?: LogFields) => void

export interface LogOptions {
  readonly level?: Level | 'silent'
  /** What the lines are marked with, such as the role of the process. */
  readonly bindings?: LogFields
}

/** Opens the process's log: JSON lines on standard error, so that standard output stays for answers. */
export function openLog({ level = 'info', bindings = {} }: LogOptions = {}): Log {
  const logger = pino(
    {
      level,
      base: bindings,
      timestamp: pino.stdTimeFunctions.isoTime,
      formatters: { level: (label) => ({ level: label }) },
      errorKey: 'error',
    },
    pino.destination({ dest: 2, sync: true }),
  )
  return (at, sentence, fields = {}) => logger[at](fields, sentence)
}

/** For what runs without anybody listening. */
export const noLog: Log = () => {}
