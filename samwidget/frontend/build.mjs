// Builds what the wheel carries, src/ -> ../static/: one script, one stylesheet, and the licences of the packages in the
// script. `--watch` rebuilds on change.
import { readdir, readFile, writeFile } from "node:fs/promises";
import { context } from "esbuild";

const NOTICES = "../static/THIRD_PARTY_NOTICES.txt";
const banner = "/*! samwidget, Apache-2.0. The packages inside and their licences: THIRD_PARTY_NOTICES.txt */";

/** The licence texts of the packages that the bundle holds, by the files that esbuild read. */
async function notices(metafile) {
  const folders = Object.keys(metafile.inputs).map((path) => path.match(/^node_modules\/(?:@[^/]+\/)?[^/]+/)?.[0]);
  const parts = ["widget.js contains the packages below."];
  for (const folder of [...new Set(folders)].filter(Boolean).sort()) {
    const { name, version, license } = JSON.parse(await readFile(`${folder}/package.json`, "utf8"));
    const file = (await readdir(folder)).find((entry) => /^licen[cs]e/i.test(entry));
    if (!file) throw new Error(`${folder} has no licence file: its notice is missing`);
    const text = (await readFile(`${folder}/${file}`, "utf8")).replaceAll("\r\n", "\n").trim();
    parts.push(`${name} ${version} (${license})\n\n${text}`);
  }
  return `${parts.join(`\n\n${"-".repeat(80)}\n\n`)}\n`;
}

const build = await context({
  entryPoints: [
    { in: "src/index.ts", out: "widget" },
    { in: "src/style.css", out: "widget" },
  ],
  outdir: "../static",
  bundle: true,
  format: "esm",
  target: ["es2022", "chrome109", "firefox115", "safari16.4"],
  minify: true,
  charset: "utf8",
  legalComments: "none",
  banner: { js: banner, css: banner },
  metafile: true,
  logLevel: "info",
});

if (process.argv.includes("--watch")) {
  await build.watch();
} else {
  const { metafile } = await build.rebuild();
  await writeFile(NOTICES, await notices(metafile));
  await build.dispose();
}
