import { X509Certificate } from 'node:crypto'
import { readFile, stat } from 'node:fs/promises'
import { createSecureContext } from 'node:tls'
import { ConfigError } from '../runtime/check.ts'
import type { Core } from './core.ts'

export interface CertificateFiles {
  readonly certificateFile: string
  readonly keyFile: string
}

export interface CertificateContext {
  readonly cert: Buffer
  readonly key: Buffer
}

/** A certificate that follows its files. A pair that does not fit is logged, and the one before stays in use. */
export interface Certificate extends Disposable {
  /** As the files were at the opening. */
  readonly context: CertificateContext
  /** Calls the listener with each later pair. */
  onChange(listener: (context: CertificateContext) => void): void
}

/** 1 s: how soon new files are noticed. They are asked for, as links that are swapped, such as Kubernetes', send no reliable events. */
const lookEveryMs = 1_000

/** Reads the pair. Throws ConfigError where it cannot be used. */
export async function openCertificate(
  files: CertificateFiles,
  { log, counts }: Pick<Core, 'log' | 'counts'>,
): Promise<Certificate> {
  const context = await read(files).catch((cause: unknown) => {
    throw new ConfigError(`The certificate cannot be used: ${cause instanceof Error ? cause.message : cause}`, {
      cause,
    })
  })
  const { certificateFile } = files
  const inUse = ({ cert }: CertificateContext) => counts.certificate(certificateFile, expiryMs(cert))
  inUse(context)
  let seen = await fingerprint(files)
  let notify: (context: CertificateContext) => void = () => {}
  const look = async () => {
    const now = await fingerprint(files)
    if (now === seen) return
    seen = now
    try {
      const changed = await read(files)
      notify(changed)
      inUse(changed)
      counts.reloaded('ok', certificateFile)
      log('info', 'Certificate was read again.', { ...files })
    } catch (error) {
      counts.reloaded('failed', certificateFile)
      log('error', 'Changed certificate cannot be used; the one before stays.', { ...files, error })
    }
  }
  const timer = setInterval(() => void look(), lookEveryMs)
  timer.unref()
  return {
    context,
    onChange(listener) {
      notify = listener
    },
    [Symbol.dispose]: () => clearInterval(timer),
  }
}

async function read({ certificateFile, keyFile }: CertificateFiles): Promise<CertificateContext> {
  const [cert, key] = await Promise.all([readFile(certificateFile), readFile(keyFile)])
  createSecureContext({ cert, key }) // throws where the two do not fit
  return { cert, key }
}

/** Of the first certificate in the file: the gateway's own. */
function expiryMs(pem: Buffer): number {
  return Date.parse(new X509Certificate(pem).validTo)
}

/** Differs when either file was replaced or written; a file that is missing for a moment is a difference too. */
async function fingerprint({ certificateFile, keyFile }: CertificateFiles): Promise<string> {
  const parts = await Promise.all(
    [certificateFile, keyFile].map((file) =>
      stat(file).then(
        ({ mtimeMs, size, ino }) => `${mtimeMs} ${size} ${ino}`,
        () => 'missing',
      ),
    ),
  )
  return parts.join(', ')
}
