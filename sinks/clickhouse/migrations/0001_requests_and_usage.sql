-- One row for each record. A partition is a day of receipt, so that every insert lands in one and a wrong clock makes none.
CREATE TABLE IF NOT EXISTS {prefix}requests
(
    id          UUID CODEC(ZSTD(1)),
    weight      Float64 CODEC(ZSTD(1)),
    ts          DateTime64(6, 'UTC') CODEC(Delta, ZSTD(1)),
    org         LowCardinality(String),
    gateway     LowCardinality(String),
    region      LowCardinality(String),
    api         LowCardinality(String),
    api_version LowCardinality(String),
    route       LowCardinality(String),
    endpoint    LowCardinality(String),
    method      LowCardinality(String),
    host        LowCardinality(String),
    path        String CODEC(ZSTD(1)),
    status      UInt16 CODEC(T64, ZSTD(1)),
    outcome     LowCardinality(String),
    consumer    LowCardinality(String),
    team        LowCardinality(String),
    key_id      LowCardinality(String),
    plan        LowCardinality(String),
    use_case    LowCardinality(String),
    total_us    UInt64 CODEC(T64, ZSTD(1)),
    gateway_us  UInt64 CODEC(T64, ZSTD(1)),
    upstream_us UInt64 CODEC(T64, ZSTD(1)),
    bytes_in    UInt64 CODEC(T64, ZSTD(1)),
    bytes_out   UInt64 CODEC(T64, ZSTD(1)),
    client_ip   String CODEC(ZSTD(1)),
    user_agent  String CODEC(ZSTD(1)),
    referer     String CODEC(ZSTD(1)),
    country     LowCardinality(String),
    upstream    LowCardinality(String),
    tries       UInt8 CODEC(ZSTD(1)),
    cache       LowCardinality(String),
    variant     LowCardinality(String),
    trace_id    String CODEC(ZSTD(1)),
    span_id     String CODEC(ZSTD(1)),
    tags        Map(LowCardinality(String), String) CODEC(ZSTD(1)),
    detail      String CODEC(ZSTD(3)),
    block       LowCardinality(String),
    received_at DateTime('UTC') CODEC(ZSTD(1)),
    INDEX id_index id TYPE bloom_filter(0.01) GRANULARITY 4,
    INDEX trace_id_index trace_id TYPE bloom_filter(0.01) GRANULARITY 4,
    INDEX block_index block TYPE bloom_filter(0.01) GRANULARITY 4,
    INDEX ts_index ts TYPE minmax GRANULARITY 1
)
ENGINE = MergeTree
PARTITION BY toYYYYMMDD(received_at)
ORDER BY (org, toStartOfHour(ts), api, endpoint, consumer, ts)
SETTINGS ttl_only_drop_parts = 1;

-- Per minute and endpoint, with everything that a chart of one endpoint needs.
CREATE TABLE IF NOT EXISTS {prefix}usage_1m
(
    org                LowCardinality(String),
    api                LowCardinality(String),
    t                  DateTime('UTC'),
    endpoint           LowCardinality(String),
    method             LowCardinality(String),
    calls              SimpleAggregateFunction(sum, Float64),
    counted            SimpleAggregateFunction(sum, Float64),
    failed             SimpleAggregateFunction(sum, Float64),
    bytes_in_sum       SimpleAggregateFunction(sum, Float64),
    bytes_out_sum      SimpleAggregateFunction(sum, Float64),
    total_us_sum       SimpleAggregateFunction(sum, Float64),
    total_us_max       SimpleAggregateFunction(max, UInt64),
    total_us_sketch    SimpleAggregateFunction(sumMap, Map(Int16, UInt64)),
    client_errors      SimpleAggregateFunction(sum, Float64),
    upstream_us_sum    SimpleAggregateFunction(sum, Float64),
    upstream_us_sketch SimpleAggregateFunction(sumMap, Map(Int16, UInt64)),
    consumers          AggregateFunction(uniqCombined64(12), String),
    keys               AggregateFunction(uniqCombined64(12), String),
    received           SimpleAggregateFunction(max, Date)
)
ENGINE = AggregatingMergeTree
PARTITION BY toYYYYMMDD(received)
ORDER BY (org, api, t, endpoint, method)
SETTINGS ttl_only_drop_parts = 1;

CREATE MATERIALIZED VIEW IF NOT EXISTS {prefix}usage_1m_view TO {prefix}usage_1m AS
SELECT
    org,
    api,
    toStartOfMinute(ts) AS t,
    endpoint,
    method,
    sum(weight) AS calls,
    sumIf(weight, outcome <> 'client_aborted') AS counted,
    sumIf(weight, outcome NOT IN ('client_aborted', 'ok') AND (status >= 500 OR outcome IN ('upstream_error', 'upstream_timeout', 'upstream_unreachable', 'circuit_open', 'gateway_error'))) AS failed,
    sum(weight * bytes_in) AS bytes_in_sum,
    sum(weight * bytes_out) AS bytes_out_sum,
    sum(weight * total_us) AS total_us_sum,
    max(total_us) AS total_us_max,
    sumMap(map(if(total_us = 0, -32768, toInt16((toInt32(bitShiftRight(reinterpretAsUInt64(toFloat64(total_us)), 52)) - 1023) * 32 - 1 + arrayCount(bound -> bitAnd(reinterpretAsUInt64(toFloat64(total_us)), 4503599627370495) > bound, [0,98615990519156,199391390042383,302373483469649,407610591105403,515152091330986,625048443773496,737351212981985,852113092622101,969387930200523,1089230752330786,1211697790552365,1336846507715111,1464735624941442,1595425149178921,1728976401356165,1865452045155277,2004916116414324,2147434053173639,2293072726380051,2441900471263451,2593987119400421,2749404031479952,2908224130786653,3070521937417133,3236373603245639,3405856947655324,3579051494051945,3756038507177095,3936901031238495,4121723928875226,4310593920976192]))), toUInt64(round(weight)))) AS total_us_sketch,
    sumIf(weight, status >= 400 AND status < 500) AS client_errors,
    sum(weight * upstream_us) AS upstream_us_sum,
    sumMap(map(if(upstream_us = 0, -32768, toInt16((toInt32(bitShiftRight(reinterpretAsUInt64(toFloat64(upstream_us)), 52)) - 1023) * 32 - 1 + arrayCount(bound -> bitAnd(reinterpretAsUInt64(toFloat64(upstream_us)), 4503599627370495) > bound, [0,98615990519156,199391390042383,302373483469649,407610591105403,515152091330986,625048443773496,737351212981985,852113092622101,969387930200523,1089230752330786,1211697790552365,1336846507715111,1464735624941442,1595425149178921,1728976401356165,1865452045155277,2004916116414324,2147434053173639,2293072726380051,2441900471263451,2593987119400421,2749404031479952,2908224130786653,3070521937417133,3236373603245639,3405856947655324,3579051494051945,3756038507177095,3936901031238495,4121723928875226,4310593920976192]))), toUInt64(round(weight)))) AS upstream_us_sketch,
    uniqCombined64State(12)(toString(consumer)) AS consumers,
    uniqCombined64State(12)(toString(key_id)) AS keys,
    max(toDate(received_at)) AS received
FROM {prefix}requests
GROUP BY org, api, t, endpoint, method;

-- Per hour and who called what, with which end.
CREATE TABLE IF NOT EXISTS {prefix}usage_1h
(
    org             LowCardinality(String),
    t               DateTime('UTC'),
    api             LowCardinality(String),
    endpoint        LowCardinality(String),
    consumer        LowCardinality(String),
    team            LowCardinality(String),
    use_case        LowCardinality(String),
    method          LowCardinality(String),
    status          UInt16,
    outcome         LowCardinality(String),
    calls           SimpleAggregateFunction(sum, Float64),
    counted         SimpleAggregateFunction(sum, Float64),
    failed          SimpleAggregateFunction(sum, Float64),
    bytes_in_sum    SimpleAggregateFunction(sum, Float64),
    bytes_out_sum   SimpleAggregateFunction(sum, Float64),
    total_us_sum    SimpleAggregateFunction(sum, Float64),
    total_us_max    SimpleAggregateFunction(max, UInt64),
    total_us_sketch SimpleAggregateFunction(sumMap, Map(Int16, UInt64)),
    received        SimpleAggregateFunction(max, Date)
)
ENGINE = AggregatingMergeTree
PARTITION BY toYYYYMM(received)
ORDER BY (org, t, api, endpoint, consumer, team, use_case, method, status, outcome)
SETTINGS ttl_only_drop_parts = 1;

CREATE MATERIALIZED VIEW IF NOT EXISTS {prefix}usage_1h_view TO {prefix}usage_1h AS
SELECT
    org,
    toStartOfHour(ts) AS t,
    api,
    endpoint,
    consumer,
    team,
    use_case,
    method,
    status,
    outcome,
    sum(weight) AS calls,
    sumIf(weight, outcome <> 'client_aborted') AS counted,
    sumIf(weight, outcome NOT IN ('client_aborted', 'ok') AND (status >= 500 OR outcome IN ('upstream_error', 'upstream_timeout', 'upstream_unreachable', 'circuit_open', 'gateway_error'))) AS failed,
    sum(weight * bytes_in) AS bytes_in_sum,
    sum(weight * bytes_out) AS bytes_out_sum,
    sum(weight * total_us) AS total_us_sum,
    max(total_us) AS total_us_max,
    sumMap(map(if(total_us = 0, -32768, toInt16((toInt32(bitShiftRight(reinterpretAsUInt64(toFloat64(total_us)), 52)) - 1023) * 32 - 1 + arrayCount(bound -> bitAnd(reinterpretAsUInt64(toFloat64(total_us)), 4503599627370495) > bound, [0,98615990519156,199391390042383,302373483469649,407610591105403,515152091330986,625048443773496,737351212981985,852113092622101,969387930200523,1089230752330786,1211697790552365,1336846507715111,1464735624941442,1595425149178921,1728976401356165,1865452045155277,2004916116414324,2147434053173639,2293072726380051,2441900471263451,2593987119400421,2749404031479952,2908224130786653,3070521937417133,3236373603245639,3405856947655324,3579051494051945,3756038507177095,3936901031238495,4121723928875226,4310593920976192]))), toUInt64(round(weight)))) AS total_us_sketch,
    max(toDate(received_at)) AS received
FROM {prefix}requests
GROUP BY org, t, api, endpoint, consumer, team, use_case, method, status, outcome;
