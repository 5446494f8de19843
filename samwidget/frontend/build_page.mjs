// Builds what a page without a kernel needs besides the widget, src/page -> ../static/page/: the page's script, the worker's
// script, the runtime (compressed) and its licence. The wheel carries them; the repository does not, since the runtime has 14 MB.
// Also the scripts of the docs site.
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { gzipSync } from "node:zlib";
import { build } from "esbuild";

const OUT = "../static/page";
const SITE = "../../build/live";
const RUNTIME = "node_modules/onnxruntime-web";

mkdirSync(OUT, { recursive: true });
const options = {
  outdir: OUT,
  bundle: true,
  target: ["es2022", "chrome109", "firefox115", "safari16.4"],
  minify: true,
  charset: "ascii",
  legalComments: "none",
  logLevel: "info",
};
// The page's script is inside its HTML: no string may end the element.
await build({
  ...options,
  entryPoints: [{ in: "src/page/index.ts", out: "page" }],
  format: "esm",
  supported: { "inline-script": false },
});
// No module: of a page that was opened as a file, browsers start only classic workers.
await build({
  ...options,
  entryPoints: [{ in: "src/page/worker.ts", out: "kernel" }],
  format: "iife",
  define: { "import.meta.url": "location.href" },
});
// The scripts of the docs site, which the wheel does not carry.
mkdirSync(SITE, { recursive: true });
await build({
  ...options,
  outdir: SITE,
  entryPoints: [{ in: "src/page/lesson/site.ts", out: "site" }],
  format: "iife",
});
await build({
  ...options,
  outdir: SITE,
  entryPoints: [{ in: "src/page/lesson/worker.ts", out: "site_kernel" }],
  format: "iife",
  define: { "import.meta.url": "location.href" },
});
writeFileSync(
  `${OUT}/runtime.wasm.gz`,
  gzipSync(readFileSync(`${RUNTIME}/dist/ort-wasm-simd-threaded.wasm`), { level: 9 }),
);
const { version, license } = JSON.parse(readFileSync(`${RUNTIME}/package.json`, "utf8"));
const widget = readFileSync("../static/THIRD_PARTY_NOTICES.txt", "utf8").trim();
const own = `kernel.js and the runtime contain ONNX Runtime Web ${version} (${license})\n\n${readFileSync("onnxruntime_licence.txt", "utf8").trim()}`;
writeFileSync(`${OUT}/THIRD_PARTY_NOTICES.txt`, `${widget}\n\n${"-".repeat(80)}\n\n${own}\n`);
