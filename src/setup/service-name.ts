/** The service's name, as OpenTelemetry has it; the program's otherwise. */
export function serviceName({ OTEL_SERVICE_NAME: name, OTEL_RESOURCE_ATTRIBUTES: attributes }: Readonly<Record<string, string | undefined>>): string {
  const named = name?.trim() || /(?:^|,)\s*service\.name=([^,]+)/.exec(attributes ?? '')?.[1]?.trim();
  return named || (process.argv[1]?.split(/[\\/]/).at(-1) ?? 'node');
}
