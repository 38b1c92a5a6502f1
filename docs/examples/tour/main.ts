import 'reflect-metadata';
import { NestFactory } from '@nestjs/core';
import { AppModule } from './app.module.js';
import { SignUp } from './sign-up.js';

const app = await NestFactory.createApplicationContext(AppModule);
app.enableShutdownHooks(); // without it, SIGTERM and Ctrl-C end the process before running handlers have
await app.get(SignUp).register('ada@example.com');
