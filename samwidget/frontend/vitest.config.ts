import { defineConfig } from "vitest/config";

export default defineConfig({
  // The fixtures that both halves are tested against lie outside of this folder.
  server: { fs: { allow: ["../.."] } },
  test: {
    environment: "happy-dom",
    include: ["tests/**/*.test.ts"],
    // The floor is what it was when this was written; it may rise, and then this line rises with it.
    coverage: { provider: "v8", include: ["src/**/*.ts"], reporter: ["text-summary"], thresholds: { lines: 91 } },
  },
});
