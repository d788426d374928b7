/** What a condition says. */
export interface Verdict {
  readonly holds: boolean;
  readonly reason: string;
  readonly message: string;
}

export function yes(reason: string): Verdict {
  return { holds: true, reason, message: '' };
}

export function no(reason: string, message: string): Verdict {
  return { holds: false, reason, message };
}
