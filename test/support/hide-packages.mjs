/** `node --import` of this is a machine on which the packages named in HIDDEN_PACKAGES are not installed. */
import { registerHooks } from 'node:module';

const hidden = (process.env.HIDDEN_PACKAGES ?? '').split(' ');

registerHooks({
  resolve(specifier, context, next) {
    if (!hidden.some((name) => specifier === name || specifier.startsWith(`${name}/`))) return next(specifier, context);
    throw Object.assign(new Error(`Cannot find package '${specifier}'`), { code: 'ERR_MODULE_NOT_FOUND' });
  },
});
