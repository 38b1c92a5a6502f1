require('reflect-metadata');
const { Module } = require('@nestjs/common');
const { NestFactory } = require('@nestjs/core');
const { TypeOrmModule } = require('@nestjs/typeorm');
const { PgQueueModule, QueueService, defineTask, noJitter, pgQueueMigrations } = require('nestjs-pgqueue');

const Greet = defineTask({ kind: 2, name: 'greet-cjs' });

class AppModule {}
Module({
  imports: [
    TypeOrmModule.forRoot({
      type: 'postgres',
      url: process.env.DATABASE_URL,
      migrations: [...pgQueueMigrations],
      migrationsRun: true,
      retryAttempts: 0,
    }),
    PgQueueModule.forRoot({}),
  ],
})(AppModule);

async function main() {
  const app = await NestFactory.createApplicationContext(AppModule, { logger: ['error', 'warn'] });
  const queue = app.get(QueueService);
  const ran = new Promise((resolve) => {
    queue.registerKind(Greet, async (task) => resolve(task.payload), {
      attemptTimeout: '5s',
      backoff: noJitter('1s'),
    });
  });
  await queue.pushTask({ kind: Greet, payload: { from: 'cjs' } });
  console.log('ran', JSON.stringify(await ran));
  await app.close();
}

void main();
