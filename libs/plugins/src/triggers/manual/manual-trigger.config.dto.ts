/** Nothing to set: it fires when somebody says so. */
export class ManualTriggerConfig {}
