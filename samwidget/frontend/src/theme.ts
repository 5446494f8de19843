// Light or dark: as the trait sets it, or else as the notebook does, which each host marks in its own way.

import { type ReadonlySignal, signal } from "@preact/signals-core";

import type { Scope } from "./dom.ts";
import type { ThemeName } from "./traits.ts";

type Theme = "light" | "dark";

/** The theme of the view; it changes with the setting, the host and the system. */
export function watchTheme(setting: ReadonlySignal<ThemeName>, scope: Scope): ReadonlySignal<Theme> {
  const theme = signal<Theme>("light");
  const system = matchMedia("(prefers-color-scheme: dark)");
  const read = () => {
    theme.value = setting.value === "auto" ? (hostTheme() ?? (system.matches ? "dark" : "light")) : setting.value;
  };
  scope.effect(read);
  scope.listen(system, "change", read);
  const observer = new MutationObserver(read);
  const attributes = { attributes: true, attributeFilter: ["class", "theme", "data-jp-theme-light", "data-theme"] };
  observer.observe(document.documentElement, attributes);
  observer.observe(document.body, attributes);
  scope.onEnd(() => observer.disconnect());
  return theme;
}

/** The theme of JupyterLab, VS Code, marimo or Colab; null where none of them sets one. */
function hostTheme(): Theme | null {
  const { body, documentElement: root } = document;
  if (body.dataset.jpThemeLight) return body.dataset.jpThemeLight === "false" ? "dark" : "light";
  const names = [...body.classList, ...root.classList];
  if (names.some((name) => ["vscode-dark", "vscode-high-contrast", "dark", "dark-theme"].includes(name))) return "dark";
  if (names.some((name) => ["vscode-light", "vscode-high-contrast-light", "light"].includes(name))) return "light";
  const attribute = root.getAttribute("theme");
  return attribute === "dark" || attribute === "light" ? attribute : null;
}
