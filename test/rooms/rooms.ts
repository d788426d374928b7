// The rooms of machines/ and src/ and what each may import (rooms.json), for `npm run check`: imports run one way, no room imports in
// a circle, each folder says what lives there, and no two files, no two exported types and no two exported functions have one name.
import { readFileSync } from 'node:fs';
import { basename, dirname, join, normalize } from 'node:path';

/** By room, a folder: the rooms that it may import. A folder named as what may be imported stands for all rooms in it. */
export type Rooms = Readonly<Record<string, readonly string[]>>;

/** @param source by file, its text */
export function findMisplaced(rooms: Rooms, sources: ReadonlyMap<string, string>): string[] {
  return [
    ...unlisted(rooms, sources),
    ...upward(rooms, sources),
    ...circles(rooms),
    ...untold(sources),
    ...namesakes(filesByName(sources)),
    ...namesakes(filesByExport(sources)),
  ];
}

export function readRooms(): Rooms {
  const rooms: Rooms = JSON.parse(readFileSync(join(import.meta.dirname, 'rooms.json'), 'utf8'));
  return rooms;
}

function unlisted(rooms: Rooms, sources: ReadonlyMap<string, string>): string[] {
  return [...sources.keys()]
    .filter((file) => roomOf(rooms, file) === undefined)
    .map((file) => `${file} is in no room of the table`);
}

function upward(rooms: Rooms, sources: ReadonlyMap<string, string>): string[] {
  const found: string[] = [];
  for (const [file, text] of sources) {
    const room = roomOf(rooms, file) ?? '';
    for (const imported of importsOf(file, text)) {
      const other = roomOf(rooms, imported) ?? imported;
      const allowed = other === room || (rooms[room] ?? []).some((name) => isIn(other, name));
      if (!allowed) found.push(`${file} imports ${imported}: ${room} may not import ${other}`);
    }
  }
  return found;
}

/** Rooms that may import each other, whatever they do now. */
function circles(rooms: Rooms): string[] {
  const below = (room: string): string[] =>
    Object.keys(rooms).filter((other) => other !== room && rooms[room]?.some((name) => isIn(other, name)));
  return Object.keys(rooms).flatMap((room) => {
    const reached = new Set<string>();
    const open = below(room);
    for (let next = open.pop(); next !== undefined; next = open.pop()) {
      if (!reached.has(next)) open.push(...below(next));
      reached.add(next);
    }
    return reached.has(room) ? [`the table lets ${room} import itself by way of others`] : [];
  });
}

/** Folders of which no file begins with a comment: what lives there, and who calls it. */
function untold(sources: ReadonlyMap<string, string>): string[] {
  const byFolder = Map.groupBy(sources, ([file]) => dirname(file));
  return [...byFolder]
    .filter(([, files]) => !files.some(([, text]) => /^\/[/*]/.test(text)))
    .map(([folder]) => `${folder} has no file that begins with what lives there`);
}

type FilesByName = ReadonlyMap<string, readonly string[]>;

function filesByName(sources: ReadonlyMap<string, string>): FilesByName {
  return Map.groupBy(sources.keys(), (file) => basename(file));
}

function filesByExport(sources: ReadonlyMap<string, string>): FilesByName {
  const byName = new Map<string, string[]>();
  for (const [file, text] of sources) {
    for (const name of exportsOf(text)) byName.set(name, [...(byName.get(name) ?? []), file]);
  }
  return byName;
}

function namesakes(filesOf: FilesByName): string[] {
  return [...filesOf]
    .filter(([, files]) => files.length > 1)
    .map(([name, files]) => `${name} stands ${files.length} times: ${files.join(', ')}`);
}

/** The innermost room that the file is in. */
function roomOf(rooms: Rooms, file: string): string | undefined {
  for (let folder = dirname(file); folder !== '.'; folder = dirname(folder)) {
    if (folder in rooms && (folder !== 'src' || dirname(file) === 'src')) return folder;
  }
  return undefined;
}

function isIn(room: string, folder: string): boolean {
  return room === folder || room.startsWith(`${folder}/`);
}

function importsOf(file: string, text: string): string[] {
  const specifiers = text.matchAll(/\b(?:from|import)\s*\(?\s*'(?<path>\.[^']+\.ts)'/g);
  return [...specifiers].map(({ groups }) => normalize(join(dirname(file), groups?.['path'] ?? '')));
}

/** The types and functions that a file declares for others: once each, though a function has overloads. */
function exportsOf(text: string): ReadonlySet<string> {
  const declared = text.matchAll(
    /^export (?:abstract )?(?:async )?(?:class|interface|type|enum|function\*?) (?<name>\w+)/gm,
  );
  return new Set([...declared].map(({ groups }) => groups?.['name'] ?? ''));
}
