import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';

/** The commands of the README's section Install, each with its arguments. */
export function installCommands(): { command: string; args: string[] }[] {
  const readme = readFileSync(new URL('../../README.md', import.meta.url), 'utf8');
  const section = /^### Install\n.*?^### /ms.exec(readme)?.[0] ?? '';
  const lines = [...section.matchAll(/^```sh\n(.*?)^```/gms)].flatMap(([, block = '']) =>
    block.trim().split('\n'),
  );
  return lines.map((line) => {
    const [, command = '', args = ''] =
      /^(npm run image --|docker push|helm install|kubectl apply -k) (.*)$/.exec(line) ??
      assert.fail(`what is: ${line}`);
    return { command, args: args.split(' ') };
  });
}

export function argumentsOf(command: string): string[] {
  return installCommands().find((one) => one.command === command)?.args ?? assert.fail(`no ${command}`);
}

export function argumentOf(command: string): string {
  return argumentsOf(command)[0] ?? assert.fail(`${command} has no argument`);
}
