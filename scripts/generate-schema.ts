import { writeFileSync } from 'node:fs';
import { configJsonSchema } from '../src/config/json-schema.ts';

// Writes otel-breaker.schema.json. Run after a change of the options: node --import tsx scripts/generate-schema.ts
writeFileSync(new URL('../otel-breaker.schema.json', import.meta.url), `${JSON.stringify(configJsonSchema(), null, 2)}\n`);
