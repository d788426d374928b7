import { listenerKey } from '../../../machines/gateway/challenge-route-plan.ts';
import type { ParentReference } from '../../../machines/gateway/gateway-objects.ts';

/** More than there are listeners: who may write `status` could name any number. */
const mostReferences = 10_000;

/** One object for all references to a listener: thousands of routes are attached to the same few. */
export class SharedReferences {
  readonly #known = new Map<string, ParentReference>();

  of(reference: ParentReference): ParentReference {
    const { sectionName = '', port = '' } = reference;
    const key = `${listenerKey({ ...reference, sectionName })}/${port}`;
    const known = this.#known.get(key);
    if (known !== undefined) return known;
    if (this.#known.size >= mostReferences) this.#known.clear();
    this.#known.set(key, reference);
    return reference;
  }
}
