import 'reflect-metadata';
import { createSecrets, type Secrets } from '@keyfall/core';
import { KeyfallModule, SECRETS } from '@keyfall/nestjs';
import { dotenvProvider } from '@keyfall/provider-dotenv';
import { vaultProvider } from '@keyfall/provider-vault';
import { Controller, Get, Inject, Module } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';

const secrets = createSecrets({
  providers: [
    { provider: vaultProvider({ path: 'example' }), ifUnconfigured: 'skip' },
    dotenvProvider({ path: 'settings.env' }),
  ],
});

@Controller()
class Shop {
  constructor(@Inject(SECRETS) private readonly secrets: Secrets) {}

  @Get()
  async greeting() {
    return { characters: (await this.secrets.get('GREETING')).length };
  }

  @Get('missing')
  missing() {
    return this.secrets.get('MISSING');
  }

  @Get('health')
  health() {
    return this.secrets.status().map(({ provider, state }) => ({ provider, state }));
  }
}

@Module({ imports: [KeyfallModule.forRoot({ secrets })], controllers: [Shop] })
class AppModule {}

const app = await NestFactory.create(AppModule);
app.enableShutdownHooks();
await app.listen(process.env['PORT'] ?? 3000, '127.0.0.1');
console.log(`Listening at ${await app.getUrl()}`);
