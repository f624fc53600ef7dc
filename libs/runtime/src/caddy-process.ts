export function openCaddy(_options: unknown): { admin(method: 'GET' | 'POST', path: string, body?: unknown): Promise<unknown> } {
  throw new Error('not yet');
}
export async function stopCaddy(_dataDir: string): Promise<boolean> {
  return false;
}
