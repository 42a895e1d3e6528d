import type { GatewayOptions } from '../options.ts'
import { pseudonymizer, truncated } from './address.ts'
import type { PrivacyOptions } from './options.ts'
import { Redaction } from './redaction.ts'
import { SecretNames } from './secret-names.ts'

/** What of a request may be kept, as compiled from the options. */
export interface Privacy {
  /** A client’s address as records have it. */
  address(address: string): string
  userAgent(userAgent: string | undefined): string
  referer(referer: string | undefined): string
  /** Whether the value of a field, or of a query or path parameter, is a secret. */
  isSecretField(name: string): boolean
  /** Whether a header of this name may not be recorded whole. */
  isSecretHeader(name: string): boolean
  /** For the headers and bodies of one request. */
  redaction(): Redaction
}

/** Credentials by definition. */
const secretHeaders = ['authorization', 'proxy-authorization', 'cookie', 'set-cookie', 'x-api-key']

/** Where proxies write the client’s address. */
const addressHeaders = [
  'forwarded',
  'x-forwarded-for',
  'x-original-forwarded-for',
  'x-real-ip',
  'x-client-ip',
  'x-cluster-client-ip',
  'x-envoy-external-address',
  'true-client-ip',
  'cf-connecting-ip',
  'fastly-client-ip',
]

const userAgentHeaders = ['user-agent', 'sec-ch-ua', 'sec-ch-ua-full-version-list', 'sec-ch-ua-platform-version']

type Told = Pick<GatewayOptions, 'privacy'> & {
  readonly apis: readonly { readonly key: { readonly header: string | null; readonly query?: string | undefined } }[]
}

/** `apis` say where keys are looked for: none of these places is ever recorded. */
export function compilePrivacy({ privacy, apis }: Told): Privacy {
  const { clientIp, userAgent, referer, redact } = privacy
  const { keep } = redact
  const keyHeaders = apis.flatMap(({ key }) => (key.header === null ? [] : [key.header]))
  const keyParameters = apis.flatMap(({ key }) => (key.query === undefined ? [] : [key.query]))
  const hidden = [
    ...(clientIp === 'full' ? [] : addressHeaders),
    ...(userAgent === 'keep' ? [] : userAgentHeaders),
    ...(referer === 'drop' ? ['referer'] : []),
  ]
  const ofHeaders = [...secretHeaders, ...keyHeaders, ...redact.headers, ...hidden]
  const headers = new SecretNames({ always: ofHeaders, keep })
  const fields = new SecretNames({ always: [...ofHeaders, ...keyParameters, ...redact.bodyFields], keep }) // a body may repeat a header
  return {
    address: addressKeeper(privacy),
    userAgent: userAgent === 'keep' ? (text = '') => text : () => '',
    referer: refererKeepers[referer],
    isSecretField: (name) => fields.has(name),
    isSecretHeader: (name) => headers.has(name),
    redaction: () => new Redaction({ headers, fields }),
  }
}

function addressKeeper({ clientIp, secret }: PrivacyOptions): (address: string) => string {
  if (clientIp === 'pseudonymised' && secret !== undefined) return pseudonymizer(secret)
  return clientIp === 'truncated' ? truncated : (address) => address
}

const refererKeepers = {
  keep: (referer = '') => referer,
  withoutQuery: (referer = '') => /^[^?#]*/.exec(referer)?.[0] ?? '',
  drop: () => '',
}
