/** Full-jitter exponential backoff: any wait up to the cap is equally likely, so retries never march in step. */
export function backoff(attempt: number, { baseMs = 100, maxMs = 30_000, random = Math.random } = {}): number {
  return random() * Math.min(maxMs, baseMs * 2 ** attempt)
}
