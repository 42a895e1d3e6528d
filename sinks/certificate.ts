/** Errors of TLS that come again until a certificate or the address is changed. */
const codes = new Set([
  'CERT_HAS_EXPIRED',
  'CERT_NOT_YET_VALID',
  'CERT_REVOKED',
  'CERT_UNTRUSTED',
  'DEPTH_ZERO_SELF_SIGNED_CERT',
  'SELF_SIGNED_CERT_IN_CHAIN',
  'UNABLE_TO_GET_ISSUER_CERT',
  'UNABLE_TO_GET_ISSUER_CERT_LOCALLY',
  'UNABLE_TO_VERIFY_LEAF_SIGNATURE',
  'ERR_TLS_CERT_ALTNAME_INVALID',
  'ERR_SSL_WRONG_VERSION_NUMBER', // the port speaks no TLS
  'ERR_SSL_PACKET_LENGTH_TOO_LONG', // as above
])

/** Code of the certificate's fault that an error of the network goes back to; undefined where it is another one's. */
export function certificateFault(error: unknown): string | undefined {
  if (!(error instanceof Error)) return undefined
  const code = 'code' in error ? String(error.code) : ''
  return codes.has(code) ? code : certificateFault(error.cause)
}
