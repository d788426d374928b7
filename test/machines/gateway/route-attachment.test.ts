import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { attachedTo, expectedAt } from '../../../machines/gateway/route-attachment.ts';
import { gateway, http, route, unaccepted } from './gateway-builders.ts';

describe('the routes of a listener', () => {
  it('cost one look at the labels of a namespace, however many it has', () => {
    const selector = { matchLabels: { team: 'shop' }, matchExpressions: [] };
    const listener = http('http', { allowedRoutes: { from: 'Selector', selector } });
    const web = gateway('web', listener);
    const other = gateway('other', http('http'));
    const routes = ['shop', 'rival', 'elsewhere'].flatMap((namespace) =>
      Array.from({ length: 100 }, (_, at) => ({
        ...route(`${namespace}-${at}`, namespace === 'elsewhere' ? other : web, []),
        namespace,
      })),
    );
    const looks: string[] = [];
    const labelsOf = (namespace: string) => {
      looks.push(namespace);
      return { team: namespace };
    };
    const ofShop = routes.slice(0, 100);
    assert.deepEqual([...attachedTo(routes, web, listener, labelsOf)], ofShop);
    assert.deepEqual(looks.splice(0), ['shop', 'rival']);
    const waiting = routes.map(unaccepted);
    assert.deepEqual([...expectedAt(waiting, web, listener, labelsOf)], ofShop.map(unaccepted));
    assert.deepEqual(looks, ['shop', 'rival']);
  });
});
