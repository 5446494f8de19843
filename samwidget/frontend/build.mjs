// Builds what the wheel carries, src/ -> ../static/: one script, one stylesheet, and the licences of the packages in the
// script. `--watch` rebuilds on change.
import { createHash } from "node:crypto";
import { existsSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { context } from "esbuild";

const NOTICES = "../static/THIRD_PARTY_NOTICES.txt";
const banner = "/*! samwidget, Apache-2.0. The packages inside and their licences: THIRD_PARTY_NOTICES.txt */";

/** The folders of the packages whose files esbuild read, and of their dependencies: a package may have these inlined. */
function packages(metafile) {
  const folders = new Set();
  const add = (folder) => {
    if (folders.has(folder)) return;
    folders.add(folder);
    const { dependencies = {} } = JSON.parse(readFileSync(`${folder}/package.json`, "utf8"));
    for (const name of Object.keys(dependencies)) {
      const nested = `${folder}/node_modules/${name}`;
      add(existsSync(nested) ? nested : `node_modules/${name}`);
    }
  };
  for (const path of Object.keys(metafile.inputs)) {
    const folder = path.match(/^.*node_modules\/(?:@[^/]+\/)?[^/]+/)?.[0];
    if (folder) add(folder);
  }
  return [...folders].sort();
}

/** The lines in the files of a package that name a copyright: its licence file may not have those of copied code. */
function copyrights(metafile, folder) {
  const files = Object.keys(metafile.inputs).filter((path) => path.startsWith(`${folder}/`));
  const lines = files.flatMap((path) => readFileSync(path, "utf8").split("\n"));
  return [...new Set(lines.filter((line) => /copyright/i.test(line)).map((line) => line.replace(/^[\s/*!]+/, "")))];
}

/** The licence texts of the packages in the bundle, with what their own files say of copied code. */
function notices(metafile) {
  const parts = ["widget.js contains code of the packages below."];
  for (const folder of packages(metafile)) {
    const { name, version, license } = JSON.parse(readFileSync(`${folder}/package.json`, "utf8"));
    const file = readdirSync(folder).find((entry) => /^licen[cs]e/i.test(entry));
    if (!file) throw new Error(`${folder} has no licence file: its notice is missing`);
    const text = readFileSync(`${folder}/${file}`, "utf8").replaceAll("\r\n", "\n").trim();
    const inside = copyrights(metafile, folder);
    const said = inside.length ? `\n\nIts files say:\n${inside.join("\n")}` : "";
    parts.push(`${name} ${version} (${license})\n\n${text}${said}`);
  }
  return `${parts.join(`\n\n${"-".repeat(80)}\n\n`)}\n`;
}

/**
 * Makes the script run its code once in a page. A host loads the script anew for each widget, and a browser keeps every
 * module that it has loaded: a page grew by 0.6 MB whenever a cell was run again.
 */
const onceInPage = {
  name: "once-in-page",
  setup(build) {
    build.initialOptions.write = false;
    build.onEnd(({ outputFiles = [] }) => {
      for (const { path, text } of outputFiles) writeFileSync(path, path.endsWith(".js") ? once(text) : text);
    });
  },
};

/** A module around `code`, which sets the variable `samwidget`. Other code gets another key: of another version, too. */
function once(code) {
  const key = `samwidget ${createHash("sha256").update(code).digest("hex").slice(0, 12)}`;
  // No function in brackets: browsers compile those at once, also where nobody calls them.
  const make = `function make(){${code}return samwidget.default}`;
  return `${banner}\n${make}\nexport default globalThis[Symbol.for("${key}")]??=make();\n`;
}

const build = await context({
  entryPoints: [
    { in: "src/index.ts", out: "widget" },
    { in: "src/style.css", out: "widget" },
  ],
  outdir: "../static",
  bundle: true,
  format: "iife",
  globalName: "samwidget",
  target: ["es2022", "chrome109", "firefox115", "safari16.4"],
  minify: true,
  // One character outside Latin-1 would double what a browser keeps of the script, with each widget.
  charset: "ascii",
  legalComments: "none",
  banner: { css: banner },
  plugins: [onceInPage],
  metafile: true,
  logLevel: "info",
});

if (process.argv.includes("--watch")) {
  await build.watch();
} else {
  const { metafile } = await build.rebuild();
  writeFileSync(NOTICES, notices(metafile));
  await build.dispose();
}
