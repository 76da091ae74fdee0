// Debian 12 has Node.js 18, whose File is not global yet; a dependency of the SDK wants it there.
globalThis.File ??= require('node:buffer').File;
