import { once } from 'node:events';

interface Answer {
  error?: string;
}

/** Whether the one who started the shop's servers listens; those that DATABASE_URLS named are nobody's to crash. */
export const canCrashServers = process.send !== undefined;

/** Ends a server like a power cut: what it had not written is lost. @param server its place among the databases */
export function crashServer(server: number): Promise<void> {
  return ask({ server, action: 'crash' });
}

/** On the port and with the data that it had. */
export function startServer(server: number): Promise<void> {
  return ask({ server, action: 'start' });
}

/** One thing at a time: the next message is the answer. */
async function ask(request: { server: number; action: 'crash' | 'start' }): Promise<void> {
  const answered = once(process, 'message') as Promise<[Answer]>;
  process.send!(request);
  const [{ error }] = await answered;
  if (error !== undefined) {
    throw new Error(`to ${request.action} server ${request.server}: ${error}`);
  }
}
