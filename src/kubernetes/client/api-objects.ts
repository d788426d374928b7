import type {
  CoreV1Event,
  V1ConfigMap,
  V1Endpoints,
  V1Ingress,
  V1Lease,
  V1ObjectMeta,
  V1Secret,
  V1Service,
} from '@kubernetes/client-node';

/** A class of client-node as its JSON: dates are texts. What the API server sends is not compared with it. */
type Json<T> = T extends Date
  ? string
  : T extends readonly (infer Item)[]
    ? Json<Item>[]
    : T extends object
      ? { [Field in keyof T]: Json<T[Field]> }
      : T;

export type ObjectMeta = Json<V1ObjectMeta>;
export type Secret = Json<V1Secret>;
export type ConfigMap = Json<V1ConfigMap>;
export type Lease = Json<V1Lease>;
export type Ingress = Json<V1Ingress>;
export type Service = Json<V1Service>;
export type Endpoints = Json<V1Endpoints>;
export type ApiEvent = Json<CoreV1Event>;
/** Of a kind without a type. */
export type AnyObject = Readonly<Record<string, unknown>>;

/** One page of a list. */
export interface ObjectList<T> {
  readonly items: readonly T[];
  readonly metadata?: { readonly continue?: string };
}
