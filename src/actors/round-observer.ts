import type { CertificateInput } from '../../machines/ingress/certificate.ts';

type Work<Value> = () => Promise<Value>;

/** Observes the steps of each round. It runs the given work and must not change its result. */
export interface RoundObserver {
  provisioning<Value>(input: CertificateInput, work: Work<Value>): Promise<Value>;
  obtaining<Value>(input: CertificateInput, work: Work<Value>): Promise<Value>;
  storing<Value>(input: CertificateInput, work: Work<Value>): Promise<Value>;
}
