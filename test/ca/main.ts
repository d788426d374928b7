import { writeFile } from 'node:fs/promises';
import process from 'node:process';
import { parseArgs } from 'node:util';
import { letsEncryptLimits } from './limit-rules.ts';
import { CaServer } from './server.ts';

const help = `node test/ca/main.ts --va-http-port PORT --ca-bundle FILE [OPTIONS]

A strict ACME CA on a free port of 127.0.0.1; prints the URL of its directory, then a line
for each request: what it was for, and the status of the answer. Ends with SIGTERM or SIGINT.

  --va-http-port PORT   where it looks for the proofs of all hosts, on 127.0.0.1
  --ca-bundle FILE      where it writes the authority of its listener: for LEGO_CA_BUNDLE
  --dns HOST:PORT       the DNS server that it asks; without it all hosts exist
  --lets-encrypt-limits with Let's Encrypt's limits
  --limit-speed FACTOR  so many times faster do the limits fill up again
  --issuance-time MS    from finalization to the certificate
  --no-order-reuse      a new order for the same set is another order`;

const { values } = parseArgs({
  options: {
    'va-http-port': { type: 'string' },
    'ca-bundle': { type: 'string' },
    dns: { type: 'string' },
    'lets-encrypt-limits': { type: 'boolean', default: false },
    'limit-speed': { type: 'string', default: '1' },
    'issuance-time': { type: 'string', default: '0' },
    'no-order-reuse': { type: 'boolean', default: false },
    help: { type: 'boolean', default: false },
  },
});

const { 'va-http-port': port, 'ca-bundle': bundle } = values;
if (values.help || port === undefined || bundle === undefined) {
  process.stdout.write(`${help}\n`);
} else {
  const server = await CaServer.start({
    vaHttpPort: Number(port),
    dnsAddress: values.dns,
    limits: values['lets-encrypt-limits'] ? letsEncryptLimits : {},
    limitSpeed: Number(values['limit-speed']),
    issuanceTime: () => Number(values['issuance-time']),
    orderReuse: !values['no-order-reuse'],
    onEvent: (event) => {
      if (event.type === 'request') process.stdout.write(`${event.endpoint} ${event.status}\n`);
    },
  });
  await writeFile(bundle, server.caBundle);
  process.stdout.write(`${server.ca.directoryUrl}\n`);
  const stop = (): void => void server[Symbol.asyncDispose]();
  process.once('SIGTERM', stop).once('SIGINT', stop);
}
