import { DefaultNamingStrategy } from 'typeorm';

/** `createdAt` in code, `created_at` in the table. */
export class SnakeCase extends DefaultNamingStrategy {
  override columnName(propertyName: string, customName: string): string {
    return customName || propertyName.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);
  }
}
