import { defineConfig } from "vitest/config";

export default defineConfig({
  // The fixtures that both halves are tested against lie outside of this folder.
  server: { fs: { allow: ["../.."] } },
  test: { environment: "happy-dom", include: ["tests/**/*.test.ts"] },
});
