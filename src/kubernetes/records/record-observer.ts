import { sentences } from '../../../machines/reasons/sentences.ts';
import {
  type RecordCause,
  type RecordName,
  type RecordOperation,
  type RecordTrouble,
  type RecordTroubles,
  recordWords,
} from '../../../machines/records/record-troubles.ts';
import type { Clock } from '../../time/clock.ts';
import { isDenied, KubernetesError } from '../client/kubernetes-error.ts';

/** A request for a record of ours. */
export interface RecordRequest {
  /** As in RBAC. */
  readonly verb: 'get' | 'list' | 'create' | 'update' | 'delete';
  readonly kind: 'ConfigMap' | 'Secret' | 'Lease';
  /** NAMESPACE/NAME. */
  readonly name: string;
}

/** A record of ours could not be read or written. */
export class RecordError extends KubernetesError {
  readonly trouble: Pick<RecordTrouble, 'message' | 'remedy'>;

  constructor(trouble: Pick<RecordTrouble, 'message' | 'remedy'>, cause: KubernetesError) {
    const { code, message, status, retryAfter, words } = cause;
    super(code, message, { status, retryAfter, words, cause });
    this.trouble = trouble;
  }
}

/** Reports of one record whether its requests succeed. */
export class RecordObserver {
  readonly #record: RecordName;
  readonly #troubles: Pick<RecordTroubles, 'failed' | 'succeeded'>;
  readonly #clock: Pick<Clock, 'now'>;

  constructor(
    record: RecordName,
    troubles: Pick<RecordTroubles, 'failed' | 'succeeded'>,
    clock: Pick<Clock, 'now'>,
  ) {
    this.#record = record;
    this.#troubles = troubles;
    this.#clock = clock;
  }

  /** @throws RecordError instead of a KubernetesError, except for a conflict, which is no trouble; what else the work throws */
  async observe<T>(request: RecordRequest, work: () => Promise<T>): Promise<T> {
    const record = this.#record;
    const object = `${request.kind} ${request.name}`;
    const operation: RecordOperation = request.verb === 'get' || request.verb === 'list' ? 'read' : 'write';
    try {
      const done = await work();
      this.#troubles.succeeded({ record, operation, object });
      return done;
    } catch (error) {
      if (!(error instanceof KubernetesError) || isChange(error)) throw error;
      const done = operation === 'read' ? 'read' : 'written';
      const message = `${object} (${recordWords[record]}) cannot be ${done}: ${sentences(error.words)}`;
      const cause = causeOf(error);
      const remedy = remedyFor(cause, request);
      this.#troubles.failed({ record, operation, object, cause, message, remedy }, this.#clock.now());
      throw new RecordError({ message, remedy }, error);
    }
  }
}

function causeOf(error: KubernetesError): RecordCause {
  if (isDenied(error) || error.code === 'Invalid') return 'denied';
  return error.status === undefined ? 'unreachable' : 'failing';
}

function remedyFor(cause: RecordCause, { verb, kind, name }: RecordRequest): string {
  if (cause !== 'denied') return 'Check the API server and its etcd, webhooks and encryption of Secrets';
  const [namespace = ''] = name.split('/');
  const resource = `${kind.toLowerCase()}s`;
  return (
    `Allow kube-lego's ServiceAccount to ${verb} ${resource} in namespace ${namespace}: ` +
    'its Role and RoleBinding (deploy/base/role.yaml), and what policies and webhooks say'
  );
}

/** Somebody else was faster. */
function isChange({ code }: KubernetesError): boolean {
  return code === 'Conflict' || code === 'AlreadyExists';
}
