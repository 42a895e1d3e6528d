import * as z from 'zod'
import { didYouMean } from '../runtime/suggest.ts'

/** What went wrong, as RFC 9457 has it. */
export const problemType = z.object({
  title: z.string(),
  status: z.int(),
  detail: z.string().describe('What is wrong, and what to do'),
  errors: z
    .array(z.object({ parameter: z.string(), message: z.string() }))
    .optional()
    .describe('Each parameter that is wrong'),
})

export type Problem = z.output<typeof problemType>

/** A request cannot be answered; whoever serves it answers with the problem. */
export class ProblemError extends Error {
  override readonly name = 'ProblemError'
  readonly problem: Problem
  constructor(problem: Problem, options?: ErrorOptions) {
    super(problem.detail, options)
    this.problem = problem
  }
}

export function problemResponse(problem: Problem, headers: Readonly<Record<string, string>> = {}): Response {
  return Response.json(problem, {
    status: problem.status,
    headers: { 'content-type': 'application/problem+json', ...headers },
  })
}

interface Fault {
  readonly parameter: string
  readonly message: string
}

export function badRequest(faults: readonly Fault[]): Problem {
  return {
    title: 'Bad request',
    status: 400,
    detail: faults.map(({ parameter, message }) => `${parameter}: ${message}`).join(' '),
    errors: faults.map(({ parameter, message }) => ({ parameter, message })),
  }
}

/** Turns what the schema of the parameters refused into a problem; unknown parameters are compared with the known ones. */
export function toProblem(error: z.ZodError, known: readonly string[]): Problem {
  return badRequest(
    error.issues.flatMap((issue) => {
      if (issue.code !== 'unrecognized_keys') return [{ parameter: issue.path.join('.'), message: issue.message }]
      return issue.keys.map((key) => ({
        parameter: key,
        message: `There is no parameter "${key}".${didYouMean(key, known) || ` There are ${known.join(', ')}.`}`,
      }))
    }),
  )
}
