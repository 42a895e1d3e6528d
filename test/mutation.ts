/** A fault put into the sources by hand, and the test that must find it: what nobody would notice is not held by any test. */
export interface Mutation {
  /** What is wrong then. */
  readonly says: string
  readonly file: string
  /** Stands in the file once. */
  readonly search: string
  readonly replacement: string
  readonly killedBy: NamedTest
}

export interface NamedTest {
  readonly file: string
  readonly name: string
}
