import { isOlder } from '../../kubernetes/watch/versions.ts';

/** What the responder answers for a host, as an object of a challenge says. */
export interface ChallengeAnswer {
  /** RFC 7638 thumbprint of the account key, base64url; undefined: nothing is answered. */
  readonly thumbprint: string | undefined;
  /** Of the object. */
  readonly resourceVersion: string;
}

/** A watch of objects of challenges. */
export interface AnsweredHosts {
  /** @param host in any spelling */
  answerFor(host: string): ChallengeAnswer | undefined;
  /**
   * Lists the objects, for a responder whose watch may lag. At most one request per second and collection, shared by all callers that wait
   * for it.
   * @throws KubernetesError
   */
  refresh(): Promise<void>;
}

/** An older one may be of an account key that has been changed since. */
export function newestAnswer<T extends ChallengeAnswer>(answers: Iterable<T>): T | undefined {
  let newest: T | undefined;
  for (const one of answers) {
    if (newest === undefined || isOlder(newest.resourceVersion, one.resourceVersion)) newest = one;
  }
  return newest;
}
