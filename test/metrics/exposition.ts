/** The series of a text that promtool has accepted, such as `kube_lego_certificates{state="good"}`, with their values. */
export function seriesOf(text: string): Map<string, number> {
  const lines = text.split('\n').filter((line) => line !== '' && !line.startsWith('#'));
  return new Map(
    lines.map((line) => {
      const end = line.lastIndexOf(' ');
      return [line.slice(0, end), Number(line.slice(end + 1))];
    }),
  );
}

/** The series of one metric: its labels as they are written, with their values. */
export function metricOf(text: string, name: string): Record<string, number> {
  const own = [...seriesOf(text)].filter(([series]) => series === name || series.startsWith(`${name}{`));
  return Object.fromEntries(own.map(([series, value]) => [series.slice(name.length), value]));
}
