import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { describe, it } from 'node:test';
import { loadYaml } from '@kubernetes/client-node';
import { type ChartTexts, publishedChart } from '../../../deploy/release/published-chart.ts';

const publication = {
  image: 'ghcr.io/example/kube-lego',
  digest: `sha256:${'0'.repeat(64)}`,
  home: 'https://github.com/example/kube-lego',
  version: '1.2.3',
};

function read(name: string): string {
  return readFileSync(new URL(`../../../deploy/chart/${name}`, import.meta.url), 'utf8');
}

const texts: ChartTexts = {
  'Chart.yaml': read('Chart.yaml'),
  'values.yaml': read('values.yaml'),
  'README.md': read('README.md'),
};

describe('the chart that is published', () => {
  const published = publishedChart(texts, publication);

  it('names the image that was built, by its digest', () => {
    const values: unknown = loadYaml(published['values.yaml']);
    assert.partialDeepStrictEqual(values, {
      image: { repository: publication.image, tag: '', digest: publication.digest },
    });
  });

  it('says where it comes from', () => {
    const { home } = publication;
    const chart: unknown = loadYaml(published['Chart.yaml']);
    const annotations = {
      'artifacthub.io/operator': 'true',
      'artifacthub.io/images': `- name: kube-lego\n  image: ${publication.image}@${publication.digest}\n`,
    };
    assert.partialDeepStrictEqual(chart, {
      annotations,
      home,
      sources: [home],
      icon: `${home}/raw/v1.2.3/src/inspector/page/icon.svg`,
    });
  });

  it('has no link that leads out of the archive', () => {
    const links = [...published['README.md'].matchAll(/\]\(([^)]*)\)/g)].map(([, link = '']) => link);
    assert.ok(links.length > 0);
    for (const link of links) assert.match(link, /^https:/);
    assert.match(
      published['README.md'],
      /helm install kube-lego oci:\/\/ghcr\.io\/example\/kube-lego\/charts\/kube-lego --version 1\.2\.3 /,
    );
    assert.doesNotMatch(published['README.md'], /registry\.example\.com/);
  });

  it('is not made of files in which a place is missing', () => {
    assert.throws(
      () => publishedChart({ ...texts, 'values.yaml': 'image: {}\n' }, publication),
      /is not there once/,
    );
  });
});
