import clickhouse from './clickhouse/clickhouse.ts'
import file from './file/file.ts'
import mongo from './mongo/mongo.ts'
import otlp from './otlp/otlp.ts'
import prometheus from './prometheus/prometheus.ts'
import type { SinkDefinition } from './sink.ts'
import store from './store/store.ts'

/** Every sink there is. Adding one is a folder and a line here. */
export const sinks = { clickhouse, file, mongo, otlp, prometheus, store } satisfies Record<string, SinkDefinition>
