/**
 * Why a local server could not be had:
 * `ToolMissing` its program is neither in KUBEBUILDER_ASSETS nor in the cache, and nobody asked for a build;
 * `GoMissing` there is no Go, or it is too old; `BuildFailed` Go could not build one of them;
 * `NotStarted` the program could not be run at all; `PortTaken` another program has the port it was to listen on;
 * `ServerExited` it ended before it was ready; `NotReady` it did not get ready in time;
 * `RequestFailed` it answered, but not as expected, or not at all;
 * `Deadlocked` pebble's memory store has locked itself up; `BadManifest` a manifest that kustomize or the API server does not accept.
 */
export type LocalErrorCode =
  | 'ToolMissing'
  | 'GoMissing'
  | 'BuildFailed'
  | 'NotStarted'
  | 'PortTaken'
  | 'ServerExited'
  | 'NotReady'
  | 'RequestFailed'
  | 'Deadlocked'
  | 'BadManifest';

/** Whatever goes wrong with the throw-away servers of tests, demo and benchmark. */
export class LocalError extends Error {
  override readonly name = 'LocalError';
  readonly code: LocalErrorCode;

  constructor(code: LocalErrorCode, message: string, options?: ErrorOptions) {
    super(message, options);
    this.code = code;
  }
}
