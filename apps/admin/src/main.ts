import { readConfig } from '#runtime/config';
import { commands } from './commands.js';

const [name = 'help', ...args] = process.argv.slice(2);
const command = commands.find((each) => each.name === name);
if (command === undefined) {
  const rows = commands.map((each) => `  ${each.name.padEnd(14)}${each.what}`);
  process.stdout.write(`tiny-forge-admin, on the host, against the database:\n${rows.join('\n')}\n`);
  process.exitCode = name === 'help' ? 0 : 2;
} else {
  try {
    process.stdout.write(`${await command.run(readConfig(process.env, 'admin'), args)}\n`);
  } catch (error) {
    process.stderr.write(`${command.name}: ${error instanceof Error ? error.message : String(error)}\n`);
    process.exitCode = 1;
  }
}
