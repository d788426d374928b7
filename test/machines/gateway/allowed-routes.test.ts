import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { lets, selects } from '../../../machines/gateway/allowed-routes.ts';
import type { AllowedNamespaces } from '../../../machines/gateway/gateway-objects.ts';

const labels: Readonly<Record<string, Record<string, string>>> = { lego: { team: 'tls' }, infra: {} };
const labelsOf = (namespace: string) => labels[namespace] ?? {};
const selector = (key: string, operator: string, ...values: string[]) => ({
  matchLabels: {},
  matchExpressions: [{ key, operator, values }],
});

describe('a listener', () => {
  it('lets in routes of all namespaces, of its own, of selected ones or of none', () => {
    const team: AllowedNamespaces = {
      from: 'Selector',
      selector: { matchLabels: { team: 'tls' }, matchExpressions: [] },
    };
    const letIn = (allowed: AllowedNamespaces) =>
      ['lego', 'infra'].filter((namespace) => lets(allowed, 'infra', namespace, labelsOf));
    assert.deepEqual(letIn({ from: 'All' }), ['lego', 'infra']);
    assert.deepEqual(letIn({ from: 'Same' }), ['infra']);
    assert.deepEqual(letIn(team), ['lego']);
    assert.deepEqual(letIn({ from: 'None' }), []);
  });
});

describe('a label selector', () => {
  it('reads its operators as the API server does, and selects nothing by an unknown one', () => {
    const { lego = {} } = labels;
    for (const [selected, expression] of [
      [true, selector('team', 'In', 'tls', 'web')],
      [false, selector('team', 'In', 'web')],
      [false, selector('team', 'NotIn', 'tls')],
      [true, selector('tier', 'NotIn', 'tls')],
      [true, selector('team', 'Exists')],
      [false, selector('tier', 'Exists')],
      [true, selector('tier', 'DoesNotExist')],
      [false, selector('constructor', 'Exists')],
      [true, selector('constructor', 'DoesNotExist')],
      [false, selector('team', 'Matches', 'tls')],
    ] as const) {
      assert.equal(selects(expression, lego), selected, JSON.stringify(expression));
    }
  });

  it('needs all of its labels', () => {
    const both = { matchLabels: { team: 'tls', tier: 'one' }, matchExpressions: [] };
    assert.equal(selects(both, { team: 'tls' }), false);
    assert.equal(selects(both, { team: 'tls', tier: 'one', more: '' }), true);
    assert.equal(selects({ matchLabels: {}, matchExpressions: [] }, {}), true);
  });
});
