import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { type EdgeOptions, edgeArguments, parseEdgeArguments } from '../../deploy/local/edge/options.ts';

const least: EdgeOptions = { kubeconfig: '/tmp/kubeconfig', services: { 'shop/web:80': 1001 } };

describe('options of the edge', () => {
  it('default to an edge that merges hosts, at once and without redirects', () => {
    const { kubeconfig, server } = parseEdgeArguments(edgeArguments(least));
    assert.equal(kubeconfig, '/tmp/kubeconfig');
    assert.deepEqual(server, {
      mode: 'merge',
      redirect: 'off',
      controllerName: 'kube-lego.io/local-edge',
      className: undefined,
      withoutClass: false,
      services: new Map([['shop/web:80', 1001]]),
      delay: 0,
      lag: 0,
      missingCertificate: 'self-signed',
      keepAlive: true,
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
        mode: 'oldest',
        redirect: 'all',
        delay: 2_000,
        lag: 500,
        keepAlive: false,
        httpPort: 8000,
        httpsPort: 8443,
      }),
    );
    assert.deepEqual(server, {
      mode: 'oldest',
      redirect: 'all',
      controllerName: 'example.com/edge',
      className: 'edge',
      withoutClass: true,
      services: new Map([
        ['a/b:http', 1],
        ['c/d:80', 2],
      ]),
      delay: 2_000,
      lag: 500,
      missingCertificate: 'refuse',
      keepAlive: false,
      httpPort: 8000,
      httpsPort: 8443,
    });
  });

  it('are refused together, each by name', () => {
    assert.throws(
      () =>
        parseEdgeArguments([
          '--mode=both',
          '--delay=-1',
          '--lag=1h',
          '--service=web=80',
          '--http-port=99999',
        ]),
      (error: Error) =>
        ['--kubeconfig', '--mode', '--delay', '--lag', '--service', '--http-port'].every((name) =>
          error.message.includes(name),
        ),
    );
  });
});
