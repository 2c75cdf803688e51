import { didYouMean } from '../lib/nearest.ts';

export interface Interpolated {
  readonly text: string;
  /** True when something was put in: the text then stands for a value of any kind. */
  readonly replaced: boolean;
  /** Variables that have neither a value nor a default, as messages. */
  readonly undefinedVariables: readonly string[];
}

const VARIABLE = /\$(\$\{)|\$\{([A-Za-z_][A-Za-z0-9_]*)(?::-([^}]*))?\}/g;

/** Puts environment variables in: `${NAME}`, `${NAME:-default}` (also for an empty one); `$${` writes `${`. */
export function interpolate(text: string, env: Readonly<Record<string, string | undefined>>): Interpolated {
  if (!text.includes('${')) return { text, replaced: false, undefinedVariables: [] };
  const undefinedVariables: string[] = [];
  let replaced = false;
  const result = text.replace(VARIABLE, (_whole, escaped: string | undefined, name: string, fallback?: string) => {
    if (escaped !== undefined) return escaped;
    replaced = true;
    const value = env[name];
    if (value !== undefined && (value !== '' || fallback === undefined)) return value;
    if (fallback !== undefined) return fallback;
    undefinedVariables.push(
      `no variable ${name} in the environment (\${${name}:-…} would give it a default)${didYouMean(name, Object.keys(env))}`,
    );
    return '';
  });
  return { text: result, replaced, undefinedVariables };
}
