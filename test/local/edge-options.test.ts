import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { type EdgeOptions, edgeArguments, parseEdgeArguments } from '../../deploy/local/edge/options.ts';
import { profiles } from '../../deploy/local/edge/profiles.ts';

const least: EdgeOptions = { kubeconfig: '/tmp/kubeconfig', services: { 'shop/web:80': 1001 } };

describe('options of the edge', () => {
  it('default to the profile of no controller', () => {
    const { kubeconfig, server } = parseEdgeArguments(edgeArguments(least));
    assert.equal(kubeconfig, '/tmp/kubeconfig');
    assert.deepEqual(server, {
      behaviour: profiles.local,
      gateway: undefined,
      controllerName: 'haproxy-ingress.github.io/controller/local',
      className: undefined,
      withoutClass: false,
      services: new Map([['shop/web:80', 1001]]),
      keepAlive: true,
      address: '127.0.0.1',
      httpPort: 0,
      httpsPort: 0,
    });
  });

  it('reach the process as they were given', () => {
    const { server } = parseEdgeArguments(
      edgeArguments({
        kubeconfig: 'k',
        services: { 'a/b:http': 1, 'c/d:80': 2 },
        controllerName: 'example.com/edge',
        className: 'edge',
        withoutClass: true,
        profile: 'f5-nginx',
        redirect: 'host',
        delay: 2_000,
        interval: 1_000,
        lag: 500,
        missingCertificate: 'self-signed',
        gatewayController: 'example.com/gateway',
        gatewayMissingSecret: 'gateway',
        keepAlive: false,
        address: '127.0.0.2',
        httpPort: 8000,
        httpsPort: 8443,
      }),
    );
    assert.deepEqual(server, {
      behaviour: {
        ...profiles['f5-nginx'],
        redirect: 'host',
        delay: 2_000,
        interval: 1_000,
        lag: 500,
        missingCertificate: 'self-signed',
      },
      gateway: { controllerName: 'example.com/gateway', missingSecret: 'gateway' },
      controllerName: 'example.com/edge',
      className: 'edge',
      withoutClass: true,
      services: new Map([
        ['a/b:http', 1],
        ['c/d:80', 2],
      ]),
      keepAlive: false,
      address: '127.0.0.2',
      httpPort: 8000,
      httpsPort: 8443,
    });
  });

  it('are refused together, each by name', () => {
    assert.throws(
      () =>
        parseEdgeArguments([
          '--profile=all',
          '--delay=-1',
          '--lag=1h',
          '--service=web=80',
          '--http-port=99999',
        ]),
      (error: Error) =>
        ['--kubeconfig', '--profile', '--delay', '--lag', '--service', '--http-port'].every((name) =>
          error.message.includes(name),
        ),
    );
  });
});
