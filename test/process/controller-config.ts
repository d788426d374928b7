import assert from 'node:assert/strict';
import { freePorts } from '../../deploy/local/free-ports.ts';
import type { Config } from '../../src/config/config.ts';
import { readConfig } from '../../src/config/config.ts';

/** Settings of a controller with ports of its own, and a CA at which nobody answers. */
export async function controllerEnv(): Promise<Record<string, string>> {
  const [port, metrics, health, inspector] = await freePorts(4);
  return {
    LEGO_NAMESPACE: 'kube-lego',
    LEGO_URL: 'https://127.0.0.1:1/directory',
    LEGO_SERVICE_PORT: '8080',
    LEGO_PORT: String(port),
    LEGO_METRICS_PORT: String(metrics),
    LEGO_HEALTH_PORT: String(health),
    LEGO_INSPECTOR_PORT: String(inspector),
  };
}

export function configOf(env: Readonly<Record<string, string>>): Config {
  const reading = readConfig(env, []);
  assert.equal(reading.kind, 'config');
  return reading.config;
}

export function onFailure(error: unknown): void {
  assert.ifError(error);
}
