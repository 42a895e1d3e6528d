import { type AlertCase, flat, growing } from '../case.ts'

const minutes = 20
const samples = minutes + 1

function at(
  alert: string,
  says: string,
  series: AlertCase['series'],
  fires: AlertCase['fires'],
  atMinutes = minutes,
): AlertCase {
  return { alert, says, everyMinutes: 1, series, atMinutes, fires }
}

const instance = 'gw-1:8081'
const requests = (outcome: string, statusClass: string, perMinute: number) => ({
  [`penstock_gateway_requests_total{instance="${instance}", outcome="${outcome}", status_class="${statusClass}"}`]:
    growing(perMinute, samples),
})
const up = (target: string, value: number, instanceName = instance) => ({
  [`penstock_upstream_up{instance="${instanceName}", upstream="shop", target="${target}"}`]: flat(value, samples),
})
const [first, second] = ['http://10.0.0.1:80', 'http://10.0.0.2:80'] as const

const day = 86_400
/** Time begins at 0 in a rule test. */
const expires = (name: string, days: number) => ({ [name]: flat(days * day + minutes * 60, samples) })
const key = 'penstock_key_expires_timestamp_seconds{consumer="acme", key="k1"}'
const certificate = 'penstock_certificate_expires_timestamp_seconds{file="/tls/cert.pem"}'
const deadUses = (reason: string, perMinute: number) => ({
  [`penstock_dead_key_requests_total{consumer="acme", reason="${reason}"}`]: growing(perMinute, samples),
})
const spool = (backlog: number, forwarded: number) => ({
  [`penstock_spool_backlog_records{instance="${instance}"}`]: flat(backlog, samples),
  [`penstock_forwarded_records_total{instance="${instance}"}`]: growing(forwarded, samples),
})

export const gatewayCases: readonly AlertCase[] = [
  at(
    'PenstockGatewayErrorRateHigh',
    '5.5 % fail',
    { ...requests('ok', '2xx', 945), ...requests('upstream_error', '5xx', 55) },
    [{ instance }],
  ),
  at(
    'PenstockGatewayErrorRateHigh',
    '4.5 % fail',
    { ...requests('ok', '2xx', 955), ...requests('upstream_timeout', '5xx', 45) },
    [],
  ),
  at(
    'PenstockGatewayErrorRateHigh',
    'eleven fail in 5 minutes',
    { ...requests('ok', '2xx', 5), ...requests('upstream_error', '5xx', 2.2) },
    [{ instance }],
  ),
  at(
    'PenstockGatewayErrorRateHigh',
    'nine fail in 5 minutes',
    { ...requests('ok', '2xx', 5), ...requests('upstream_error', '5xx', 1.8) },
    [],
  ),
  at(
    'PenstockGatewayErrorRateHigh',
    'answers begun before the upstream broke off',
    { ...requests('ok', '2xx', 90), ...requests('upstream_error', '2xx', 10) },
    [{ instance }],
  ),
  at(
    'PenstockGatewayErrorRateHigh',
    'refusals, expected errors and clients that left',
    { ...requests('ok', '5xx', 50), ...requests('rate_limited', '4xx', 50), ...requests('client_aborted', '5xx', 50) },
    [],
  ),

  at('PenstockUpstreamTargetDown', 'one of two targets is down', { ...up(first, 0), ...up(second, 1) }, [
    { upstream: 'shop', target: first },
  ]),
  at('PenstockUpstreamTargetDown', 'both are up', { ...up(first, 1), ...up(second, 1) }, []),
  at('PenstockUpstreamDown', 'both targets are down', { ...up(first, 0), ...up(second, 0) }, [
    { upstream: 'shop', instance },
  ]),
  at('PenstockUpstreamDown', 'one of two targets is down', { ...up(first, 0), ...up(second, 1) }, []),

  at('PenstockKeyExpiring', 'in 19 days', expires(key, 19), [{ consumer: 'acme', key: 'k1' }]),
  at('PenstockKeyExpiring', 'in 21 days', expires(key, 21), []),
  at('PenstockKeyExpiring', 'an instant ago', expires(key, 0), []),
  at('PenstockKeyExpiring', 'in one second', { [key]: flat(minutes * 60 + 1, samples) }, [
    { consumer: 'acme', key: 'k1' },
  ]),
  at(
    'PenstockExpiredKeyUsed',
    'once',
    { 'penstock_dead_key_requests_total{consumer="acme", reason="expired"}': [...flat(0, 10), ...flat(1, 11)] },
    [{ consumer: 'acme' }],
  ),
  at('PenstockExpiredKeyUsed', 'less than once, as an extrapolation may be', deadUses('expired', 0.45 / minutes), []),
  at('PenstockExpiredKeyUsed', 'a little more, as an extrapolation may be', deadUses('expired', 0.55 / minutes), [
    { consumer: 'acme' },
  ]),
  at('PenstockExpiredKeyUsed', 'a revoked one is used', deadUses('revoked', 10), []),
  at('PenstockCertificateExpiring', 'in 13 days', expires(certificate, 13), [{ file: '/tls/cert.pem' }]),
  at('PenstockCertificateExpiring', 'in 15 days', expires(certificate, 15), []),
  at(
    'PenstockConfigReloadFailed',
    'it differs',
    { [`penstock_config_last_reload_successful{instance="${instance}"}`]: flat(0, samples) },
    [{ instance }],
  ),
  at(
    'PenstockConfigReloadFailed',
    'it is the same',
    { [`penstock_config_last_reload_successful{instance="${instance}"}`]: flat(1, samples) },
    [],
  ),

  at(
    'PenstockRecordsLost',
    'one within the last minutes',
    { [`penstock_records_refused_total{instance="${instance}", reason="ring_full"}`]: [...flat(0, 17), ...flat(1, 4)] },
    [{ instance, reason: 'ring_full' }],
  ),
  at(
    'PenstockRecordsLost',
    'none',
    { [`penstock_records_refused_total{instance="${instance}", reason="ring_full"}`]: flat(7, samples) },
    [],
  ),

  at('PenstockSpoolInUse', 'some wait and nothing moves', spool(1, 0), [{ instance }]),
  at('PenstockSpoolInUse', 'some wait while records move', spool(4500, 100), []),
  at('PenstockSpoolInUse', 'many wait while records move', spool(5500, 100), [{ instance }]),
  at('PenstockSpoolInUse', 'none wait and nothing moves', spool(0, 0), []),
]
