import type { Asset, Assets } from '../ports.ts';
import { bundled } from './bundled.ts';

/** The live page, by path. To be imported when somebody asks for it. */
export const pageAssets: Assets = new Map(
  bundled.map(([path, contentType, body]): [string, Asset] => [path, { contentType, body, ...(path !== '/' && { immutable: true }) }]),
);
