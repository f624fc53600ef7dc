import { Controller, Get, Inject } from '@nestjs/common';
import { ApiProperty } from '@nestjs/swagger';
import { Needs } from '../access/needs.js';
import { PLUGINS, type Plugins } from '../dependencies.js';
import { Answers } from '../http/answers.js';
import { OpenApi } from '../openapi/open-api.js';

class PluginView {
  @ApiProperty({ example: 'image' }) kind: string;
  @ApiProperty({ example: 'Container image' }) title: string;
  @ApiProperty({ type: 'object', additionalProperties: true, description: 'JSON Schema of its config' }) schema: object;
  @ApiProperty({ type: 'object', additionalProperties: true, description: 'A config with all defaults' })
  sample: object;
}
class VendorView {
  @ApiProperty({ example: 'github' }) kind: string;
  @ApiProperty({ example: 'GitHub' }) title: string;
}

export class PluginsAnswer {
  @ApiProperty({ type: [PluginView] }) sources: PluginView[];
  @ApiProperty({ type: [PluginView] }) triggers: PluginView[];
  @ApiProperty({ type: [VendorView] }) vendors: VendorView[];
  @ApiProperty({ type: [PluginView] }) notifiers: PluginView[];
}

@Controller('plugins')
export class PluginsController {
  constructor(
    @Inject(PLUGINS) private readonly plugins: Plugins,
    private readonly openApi: OpenApi,
  ) {}

  @Get()
  @Needs('viewer', 'self')
  @Answers(200, PluginsAnswer, 'What this instance can run and react to')
  list(): PluginsAnswer {
    const { sources, triggers, vendors } = this.plugins;
    return {
      sources: sources.map((plugin) => this.#view(plugin)),
      triggers: triggers.map((plugin) => this.#view(plugin)),
      vendors: vendors.map(({ name, title }) => ({ kind: name, title })),
      notifiers: [],
    };
  }

  #view({ kind, title, config, sample }: Plugins['sources'][number] | Plugins['triggers'][number]): PluginView {
    return { kind, title, schema: this.openApi.schemaOf(config), sample };
  }
}
