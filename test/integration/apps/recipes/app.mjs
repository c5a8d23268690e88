// Offers what a recipe of the README exports: `node app.mjs <the recipe's file>`.
import { createRequire } from 'node:module';
import { pathToFileURL } from 'node:url';

const { serve } = createRequire(import.meta.url)('../../../support/serve.cjs');

serve({ ...(await import(pathToFileURL(process.argv[2]))) });
