import { ValidateBy } from 'class-validator';

/** Why the value is not acceptable, for people; null when it is. `config` is the object that holds the field. */
export type Problem<C extends object> = (value: unknown, config: C) => string | null;

/** A class-validator check by a function that says what is wrong: also for rules that look at another field. */
export function Rule<C extends object>(problem: Problem<C>): PropertyDecorator {
  return ValidateBy({
    name: 'rule',
    validator: {
      validate: (value: unknown, args) => problem(value, args?.object as C) === null,
      defaultMessage: (args) => problem(args?.value, args?.object as C) ?? '',
    },
  });
}
