import assert from 'node:assert/strict';
import { createServer, type Server } from 'node:http';
import { after, before, describe, it } from 'node:test';
import { request } from 'undici';
import { type ApiRequestReport, reporting } from '../../src/kubernetes/client/request-report.ts';
import { Site } from '../challenges/http-01/site.ts';

const ingresses = '/apis/networking.k8s.io/v1';

describe('a request to the API server is reported', () => {
  let server: Server;
  let site: Site;
  before(async () => {
    server = createServer((request, response) => {
      if (request.url?.includes('broken') === true) return void request.socket.destroy();
      response.writeHead(request.url?.includes('missing') === true ? 404 : 200).end('{}');
    });
    site = await Site.serve(server);
  });
  after(() => site[Symbol.asyncDispose]());

  async function reported(
    method: 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE',
    path: string,
  ): Promise<string> {
    const reports: ApiRequestReport[] = [];
    const url = `http://127.0.0.1:${site.port}${path}`;
    const sent = reporting((report) => reports.push(report));
    try {
      const { body } = await sent(method, path, () => request(url, { method }));
      await body.dump();
    } catch {
      // Its report is what is looked at.
    }
    return reports.map(({ verb, resource, status }) => `${verb} ${resource} ${status}`).join();
  }

  for (const [method, path, report] of [
    ['GET', '/api/v1/namespaces/shop/secrets/tls', 'get secrets 200'],
    ['GET', '/api/v1/namespaces/shop/secrets/missing', 'get secrets 404'],
    ['GET', '/api/v1/namespaces/shop/secrets/broken', 'get secrets undefined'],
    ['GET', `${ingresses}/ingresses?limit=500`, 'list ingresses 200'],
    ['GET', `${ingresses}/namespaces/shop/ingresses`, 'list ingresses 200'],
    ['GET', `${ingresses}/namespaces/shop/ingresses?watch=true`, 'watch ingresses 200'],
    ['PATCH', `${ingresses}/namespaces/shop/ingresses/web`, 'patch ingresses 200'],
    ['PUT', `${ingresses}/namespaces/shop/ingresses/web/status`, 'update ingresses/status 200'],
    ['DELETE', `${ingresses}/namespaces/namespaces/ingresses/web`, 'delete ingresses 200'],
    ['POST', '/api/v1/namespaces/shop/events', 'create events 200'],
    ['GET', '/api/v1/namespaces/shop', 'get namespaces 200'],
    ['GET', '/api/v1/namespaces', 'list namespaces 200'],
    ['POST', '/apis/authorization.k8s.io/v1/selfsubjectaccessreviews', 'create selfsubjectaccessreviews 200'],
    ['GET', '/readyz', 'list other 200'],
  ] as const) {
    it(`${method} ${path}: ${report}`, async () => {
      assert.equal(await reported(method, path), report);
    });
  }
});
