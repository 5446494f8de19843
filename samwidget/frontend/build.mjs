// Builds the one script and the one stylesheet that the wheel carries: src/ -> ../static/. `--watch` rebuilds on change.
import { context } from "esbuild";

const banner = `/*! samwidget, Apache-2.0. Contains @preact/signals-core (MIT), d3-contour and d3-array (ISC), fflate (MIT). */`;

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
  logLevel: "info",
});

if (process.argv.includes("--watch")) {
  await build.watch();
} else {
  await build.rebuild();
  await build.dispose();
}
