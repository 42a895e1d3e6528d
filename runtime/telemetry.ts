import { type Attributes, SpanStatusCode, trace } from '@opentelemetry/api'
import type { Log } from './log.ts'

/**
 * Traces this process where the standard's variables say so (OTEL_EXPORTER_OTLP_ENDPOINT and the like), which the SDK
 * reads by itself; otherwise nothing is loaded. Disposing sends what is left, within OTEL_EXPORTER_OTLP_TIMEOUT.
 */
export async function openTelemetry({
  serviceName,
  log,
}: {
  readonly serviceName: string
  readonly log: Log
}): Promise<AsyncDisposable> {
  if (!isWanted(process.env)) return { async [Symbol.asyncDispose]() {} }
  const [{ NodeSDK }, { envDetector }, { diag, DiagLogLevel }] = await Promise.all([
    import('@opentelemetry/sdk-node'),
    import('@opentelemetry/resources'),
    import('@opentelemetry/api'),
  ])
  process.env.OTEL_EXPORTER_OTLP_TIMEOUT ??= timeoutMs
  const sdk = new NodeSDK({
    ...(process.env.OTEL_SERVICE_NAME ? {} : { serviceName }),
    resourceDetectors: [envDetector], // others tell the command line
    metricReaders: [], // metrics and logs of ours go their own ways
    logRecordProcessors: [],
  })
  if (!process.env.OTEL_LOG_LEVEL) diag.setLogger(toDiagLogger(log), DiagLogLevel.WARN)
  sdk.start()
  log('info', 'Traces of this process are sent.')
  return {
    async [Symbol.asyncDispose]() {
      await sdk
        .shutdown()
        .catch((error: unknown) => log('warn', 'The last traces of this process could not be sent.', { error }))
    },
  }
}

/** 3 s in place of the standard's 10: so long a stop waits for an endpoint that is down. */
const timeoutMs = '3000'

function isWanted(env: Readonly<Record<string, string | undefined>>): boolean {
  if (env.OTEL_SDK_DISABLED?.toLowerCase() === 'true' || env.OTEL_TRACES_EXPORTER === 'none') return false
  return Boolean(env.OTEL_EXPORTER_OTLP_ENDPOINT || env.OTEL_EXPORTER_OTLP_TRACES_ENDPOINT || env.OTEL_TRACES_EXPORTER)
}

function toDiagLogger(log: Log) {
  const tell = (message: string) => log('warn', 'OpenTelemetry cannot trace this process.', { reason: message })
  return { error: tell, warn: tell, info() {}, debug() {}, verbose() {} }
}

/** Runs `work` in a span, which ends with it and has its error. Costs next to nothing where this process is not traced. */
export function traced<T>(name: string, attributes: Attributes, work: () => Promise<T>): Promise<T> {
  return trace.getTracer('penstock').startActiveSpan(name, { attributes }, async (span) => {
    try {
      return await work()
    } catch (error) {
      span.recordException(error instanceof Error ? error : String(error))
      span.setStatus({ code: SpanStatusCode.ERROR })
      throw error
    } finally {
      span.end()
    }
  })
}
