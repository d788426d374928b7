import { writeFileSync } from 'node:fs';
import { metricsReference } from '../../docs/metrics.ts';
import { troubleshootingGuide } from '../../docs/troubleshooting.ts';
import { configurationReference } from '../../src/config/reference.ts';

const docs = new URL('../../docs/', import.meta.url);
writeFileSync(new URL('configuration.md', docs), configurationReference());
writeFileSync(new URL('troubleshooting.md', docs), troubleshootingGuide());
writeFileSync(new URL('metrics.md', docs), metricsReference());
