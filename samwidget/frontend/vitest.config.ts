import { defineConfig } from "vitest/config";

export default defineConfig({
  // The fixtures that both halves are tested against lie outside of this folder.
  server: { fs: { allow: ["../.."] } },
  test: {
    environment: "happy-dom",
    include: ["tests/**/*.test.ts"],
    // The floor is what it was when this was written; it may rise, and then this line rises with it.
    coverage: {
      provider: "v8",
      include: ["src/**/*.ts"],
      // Canvases and workers of the docs site: tests/docs/test_site.py runs them in a browser.
      exclude: ["src/page/lesson/{figure,grid_canvas,photo,replies,robot,scheme,site,threshold,worker}.ts"],
      reporter: ["text-summary"],
      thresholds: { lines: 91 },
    },
  },
});
