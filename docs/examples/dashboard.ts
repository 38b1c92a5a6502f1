import { createHash, timingSafeEqual } from 'node:crypto';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { Injectable, Module, UnauthorizedException } from '@nestjs/common';
import { PgQueueDashboardModule } from 'nestjs-pgqueue/dashboard';

// #region password
const digest = (text: string) => createHash('sha256').update(text).digest();

export function password(name: string, secret: string | undefined) {
  if (!secret) {
    throw new Error('there is no password for the dashboard');
  }
  const expected = digest(`Basic ${Buffer.from(`${name}:${secret}`).toString('base64')}`);
  return ({ headers }: IncomingMessage, response: ServerResponse) => {
    if (timingSafeEqual(digest(headers.authorization ?? ''), expected)) {
      return true;
    }
    response.setHeader('WWW-Authenticate', 'Basic realm="queue"'); // the browser asks for it
    throw new UnauthorizedException();
  };
}

@Module({
  imports: [
    // beside TypeOrmModule and PgQueueModule
    PgQueueDashboardModule.forRootAsync({
      useFactory: () => ({ authorize: password('ops', process.env.DASHBOARD_PASSWORD) }),
    }),
  ],
})
export class OpsModule {}
// #endregion

@Injectable()
export class Sessions {
  async find(cookie = ''): Promise<{ user: string; roles: string[] }> {
    const read = (name: string) => new RegExp(`\\b${name}=(\\w+)`).exec(cookie)?.[1];
    return { user: read('user') ?? 'nobody', roles: [read('role') ?? 'guest'] };
  }
}

@Module({ providers: [Sessions], exports: [Sessions] })
export class SessionsModule {}

// #region session
@Module({
  imports: [
    PgQueueDashboardModule.forRootAsync({
      imports: [SessionsModule],
      inject: [Sessions], // what your guards ask too
      useFactory: (sessions: Sessions) => ({
        path: 'ops/queue',
        authorize: async ({ headers }) => {
          const { user, roles } = await sessions.find(headers.cookie);
          if (roles.includes('ops')) {
            return { user, view: true, act: true };
          }
          return roles.includes('support') && { user, view: true };
        },
        redact: ['password', 'token', 'iban'],
      }),
    }),
  ],
})
export class SupportModule {}
// #endregion

// #region redact
export const redact = (payload: unknown, { name }: { name: string }) =>
  name === 'send-mail' ? { to: (payload as { to: string }).to } : '[hidden]';
// #endregion
