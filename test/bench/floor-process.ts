// The bare loop in a process of its own, see measureFloor in floor.ts.
import process from 'node:process';
import { type FloorTask, runFloor } from './floor.ts';

const task: FloorTask = JSON.parse(process.argv[2] ?? '');
process.stdout.write(JSON.stringify(await runFloor(task)));
