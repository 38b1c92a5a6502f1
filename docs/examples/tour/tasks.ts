import { defineTask } from 'nestjs-pgqueue';

/** What those who push and those who handle share: a number, a name, the payload's type. */
export const SendWelcome = defineTask<{ userId: number }>({ kind: 1, name: 'send-welcome', maxAttempts: 10 });
