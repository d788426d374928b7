/** A request to the CA. */
export interface CaRequest {
  readonly method: string;
  /** The complete URL, as sent. */
  readonly url: string;
  /** Names in lower case. */
  readonly headers: Readonly<Record<string, string | readonly string[] | undefined>>;
  readonly body: string;
  /** The client's address: the scope of the limit of registrations. */
  readonly source?: string | undefined;
}

/** The CA's answer, or its failure. */
export interface CaAnswer {
  readonly status: number;
  /** Names in lower case. */
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
  /** `reset`: the connection ends without an answer. `half`: after half of the body. `silence`: no answer. */
  readonly broken?: 'reset' | 'half' | 'silence' | undefined;
}

/** What a request is for. */
export type CaEndpoint =
  | 'directory'
  | 'new-nonce'
  | 'new-account'
  | 'account'
  | 'key-change'
  | 'new-order'
  | 'order'
  | 'authorization'
  | 'challenge'
  | 'finalize'
  | 'certificate'
  | 'revoke-cert'
  | 'renewal-info'
  | 'unpause'
  | 'elsewhere';

export interface Identifier {
  readonly type: 'dns' | 'ip';
  readonly value: string;
}

/** The first header of this name. */
export function headerOf(request: CaRequest, name: string): string | undefined {
  const value = request.headers[name];
  return typeof value === 'string' ? value : value?.[0];
}
