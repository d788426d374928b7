/** What came of loading a key pair as a server does. */
export interface Loading {
  /** DER of the certificate that the server takes for its own, as far as that was read. */
  readonly leaf?: Buffer | undefined;
  /** Undefined if it loads. */
  readonly refusal?: LoadingRefusal | undefined;
}

export interface LoadingRefusal {
  readonly part: 'tls.crt' | 'tls.key';
  /** Without anything of the contents. */
  readonly detail: string;
}
