/** What is wrong with a backup. */
export interface Problem {
  /** Path of the file. */
  file: string
  /** One sentence: what is wrong and where in the file. */
  message: string
}
