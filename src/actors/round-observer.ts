import type { CertificateInput } from '../../machines/ingress/certificate.ts';

type Work<Value> = () => Promise<Value>;

/** Who watches the steps of each round from outside. It runs the work that it is given, and changes nothing of its outcome. */
export interface RoundObserver {
  provisioning<Value>(input: CertificateInput, work: Work<Value>): Promise<Value>;
  obtaining<Value>(input: CertificateInput, work: Work<Value>): Promise<Value>;
  storing<Value>(input: CertificateInput, work: Work<Value>): Promise<Value>;
}
