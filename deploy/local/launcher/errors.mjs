/** What a person can mend, told without a stack. */
export class LaunchError extends Error {}
