/** One step forward. Its name and its SQL never change once it was released: the next step mends it. */
export interface Migration {
  readonly name: string;
  readonly up: string;
}
