import { writeFileSync } from 'node:fs';
import { drawings } from './drawings.ts';
import { pageChart, pageChartFile } from './page-chart.ts';

// Run it after a change of machines/ingress/ingress.ts or machines/ingress/certificate.ts; a test tells when that was forgotten.
for (const [name, svg] of drawings()) writeFileSync(new URL(name, import.meta.url), svg);
writeFileSync(pageChartFile, pageChart());
