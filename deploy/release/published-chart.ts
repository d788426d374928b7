// The chart as it is published: with the image that was built, and with links that lead somewhere outside of the repository.

export interface Publication {
  /** repository of the image, without tag, such as ghcr.io/example/kube-lego */
  readonly image: string;
  /** of the image, `sha256:…` */
  readonly digest: string;
  /** address of this repository, such as https://github.com/example/kube-lego */
  readonly home: string;
  readonly version: string;
}

/** Texts of the chart's files. */
export interface ChartTexts {
  readonly 'Chart.yaml': string;
  readonly 'values.yaml': string;
  readonly 'README.md': string;
}

/** @throws Error if a place that has to be filled is not there */
export function publishedChart(texts: ChartTexts, { image, digest, home, version }: Publication): ChartTexts {
  const source = `${home}/blob/v${version}`;
  return {
    'Chart.yaml': `${texts['Chart.yaml']}  artifacthub.io/images: |
    - name: kube-lego
      image: ${image}@${digest}
home: ${home}\nsources: [${home}]\nicon: ${home}/raw/v${version}/src/inspector/page/icon.svg\n`,
    'values.yaml': filled(texts['values.yaml'], {
      '  repository: kube-lego\n': `  repository: ${image}\n`,
      "  digest: ''\n": `  digest: ${digest}\n`,
    }),
    'README.md': filled(texts['README.md'], {
      'deploy/chart --namespace': `oci://${image}/charts/kube-lego --version ${version} --namespace`,
      '      --set image.repository=registry.example.com/kube-lego \\\n': '',
    }).replaceAll(/\]\((?:\.\.\/)+/g, `](${source}/`),
  };
}

function filled(text: string, places: Readonly<Record<string, string>>): string {
  return Object.entries(places).reduce((part, [place, content]) => {
    if (part.split(place).length !== 2) throw new Error(`${JSON.stringify(place)} is not there once`);
    return part.replace(place, () => content);
  }, text);
}
