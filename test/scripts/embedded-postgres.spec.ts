import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { connect } from 'node:net';
import { createInterface } from 'node:readline';
import { text } from 'node:stream/consumers';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import pg from 'pg';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { EmbeddedPostgres, THROW_AWAY } from '../../scripts/embedded-postgres/index.mjs';

const runner = fileURLToPath(new URL('../../scripts/embedded-postgres/run.mjs', import.meta.url));

describe('EmbeddedPostgres', () => {
  let server: EmbeddedPostgres;

  beforeAll(async () => {
    server = await EmbeddedPostgres.start({ ...THROW_AWAY, max_connections: 17 });
  });

  afterAll(() => server.stop());

  it('listens on the loopback address only, with the settings given', async () => {
    expect(await ask(server.url, 'SHOW listen_addresses')).toBe('127.0.0.1');
    expect(await ask(server.url, 'SHOW max_connections')).toBe('17');
    expect(await ask(server.url, 'SHOW server_encoding')).toBe('UTF8');
  });

  it('lets nobody in without the password', async () => {
    const url = new URL(server.url);
    url.password = 'guessed';
    await expect(ask(url.href, 'SELECT 1')).rejects.toMatchObject({ code: '28P01' });
  });

  it('keeps data and port through a crash of the server', async () => {
    await ask(server.url, 'CREATE TABLE kept AS SELECT 1 AS a');
    const { pid, port } = server;
    await server.down('immediate');
    await expect(ask(server.url, 'SELECT a FROM kept')).rejects.toMatchObject({ code: 'ECONNREFUSED' });
    await server.up();
    expect(server.pid).not.toBe(pid);
    expect(server.port).toBe(port);
    expect(await ask(server.url, 'SELECT a FROM kept')).toBe(1);
  });

  it('leaves nothing behind when it is stopped, and may be stopped twice', async () => {
    const other = await EmbeddedPostgres.start(THROW_AWAY);
    await other.stop();
    await other.stop();
    expect(await accepts(other.port)).toBe(false);
    expect(existsSync(path.dirname(other.logFile))).toBe(false);
  });

  it('says what the server says when it does not start', async () => {
    await expect(EmbeddedPostgres.start({ max_connections: 'many' })).rejects.toThrow(
      /did not start.*invalid value for parameter "max_connections": "many"/s,
    );
  });
});

describe('run.mjs', () => {
  it('gives a command the address of a server, and ends as the command does', async () => {
    const script = 'process.stdout.write(process.env.DATABASE_URL); process.exit(3)';
    const child = spawn(process.execPath, [runner, process.execPath, '-e', script], {
      env: withoutDatabase(),
    });
    const [url] = await once(child.stdout.setEncoding('utf8'), 'data');
    expect(await once(child, 'exit')).toEqual([3, null]);
    expect(await accepts(Number(new URL(url).port))).toBe(false);
  });

  it('uses a server that DATABASE_URL names', async () => {
    const script = 'process.stdout.write(process.env.DATABASE_URL)';
    const env = { ...process.env, DATABASE_URL: 'postgres://named' };
    const child = spawn(process.execPath, [runner, process.execPath, '-e', script], { env });
    expect(await once(child.stdout.setEncoding('utf8'), 'data')).toEqual(['postgres://named']);
  });

  it('starts as many servers as SHARDS says, and crashes and starts them for its command', async () => {
    const script = `
      const ask = (request) => new Promise((resolve) => process.once('message', resolve).send(request));
      const { log } = console;
      log(process.env.DATABASE_URL + ' ' + process.env.DATABASE_URLS);
      log(JSON.stringify(await ask({ server: 1, action: 'crash' })));
      await new Promise((resolve) => process.stdin.once('data', resolve));
      log(JSON.stringify(await ask({ server: 1, action: 'start' })));
      await new Promise((resolve) => process.stdin.once('data', resolve));
      process.exit();`;
    const child = spawn(process.execPath, [runner, process.execPath, '--input-type=module', '-e', script], {
      env: { ...withoutDatabase(), SHARDS: '2' },
    });
    const lines = createInterface(child.stdout)[Symbol.asyncIterator]();
    const next = async () => (await lines.next()).value as string;
    const [first, ...urls] = (await next()).split(' ');
    expect(urls[0]).toBe(first);
    expect(JSON.parse(await next())).toEqual({ server: 1, action: 'crash' });
    expect(await ask(urls[0]!, 'SELECT 1')).toBe(1);
    await expect(ask(urls[1]!, 'SELECT 1')).rejects.toMatchObject({ code: 'ECONNREFUSED' });
    child.stdin.write('go on\n');
    expect(JSON.parse(await next())).toEqual({ server: 1, action: 'start' });
    expect(await ask(urls[1]!, 'SELECT 1')).toBe(1);
    child.stdin.write('go on\n');
    expect(await once(child, 'exit')).toEqual([0, null]);
    expect(await accepts(Number(new URL(urls[1]!).port))).toBe(false);
  });

  it.each([
    [{ SHARDS: 'many' }, 'SHARDS must be a whole number from 1, is many'],
    [
      { SHARDS: '2', DATABASE_URL: 'postgres://named' },
      'SHARDS is 2, but DATABASE_URLS or DATABASE_URL names 1',
    ],
  ])('refuses %o', async (given, message) => {
    const child = spawn(process.execPath, [runner], { env: { ...withoutDatabase(), ...given } });
    const output = await text(child.stderr);
    expect(output).toContain(message);
  });

  it('leaves no server behind when it is killed', async () => {
    const child = spawn(process.execPath, [runner], { env: withoutDatabase() });
    const [line] = await once(child.stdout.setEncoding('utf8'), 'data');
    const port = Number(new URL(line.trim().replace('DATABASE_URL=', '')).port);
    expect(await accepts(port)).toBe(true);
    child.kill('SIGKILL');
    await vi.waitFor(async () => expect(await accepts(port)).toBe(false), { timeout: 10_000 });
  });
});

function withoutDatabase(): NodeJS.ProcessEnv {
  const { DATABASE_URL: _, ...env } = process.env;
  return env;
}

async function ask(url: string, query: string): Promise<unknown> {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  try {
    const { rows } = await client.query({ text: query, rowMode: 'array' });
    return rows[0]?.[0];
  } finally {
    await client.end();
  }
}

function accepts(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1');
    socket.once('connect', () => resolve(true)).once('error', () => resolve(false));
    socket.once('connect', () => socket.destroy());
  });
}
