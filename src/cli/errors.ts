// An error that a user can cause: one clear line, and an exit code that scripts can use.

/** Exit codes of every podlan command. */
export const exitCodes = {
  0: 'done',
  1: 'refused or failed; what was wanted, what came and what to do stands on stderr',
  2: 'the command line is wrong',
  3: 'there is no such cluster, or it does not run',
  4: 'another podlan command is at work on the same cluster',
  5: 'started, but not ready in time',
} as const;

export class UserError extends Error {
  readonly exitCode: number;
  constructor(message: string, exitCode: keyof typeof exitCodes = 1) {
    super(message);
    this.name = 'UserError';
    this.exitCode = exitCode;
  }
}
