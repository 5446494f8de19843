// Light or dark: as the trait sets it; or else as the host marks its theme, each in its own way; or else as the page is
// behind the view. The system's preference alone says nothing: most pages are white whatever it is.

import { type ReadonlySignal, signal } from "@preact/signals-core";

import { parentOf, type Scope } from "./dom.ts";
import type { ThemeName } from "./traits.ts";

type Theme = "light" | "dark";

/** Where hosts mark their theme, on the root or the body: JupyterLab, Colab, Bootstrap (Shiny, Quarto), and others. */
const ATTRIBUTES = ["class", "theme", "data-jp-theme-light", "data-bs-theme", "data-theme"];

/** The theme of the view with this root; it changes with the setting, the host and the system. */
export function watchTheme(setting: ReadonlySignal<ThemeName>, view: Element, scope: Scope): ReadonlySignal<Theme> {
  const theme = signal<Theme>("light");
  const system = matchMedia("(prefers-color-scheme: dark)");
  const read = () => {
    theme.value = setting.value === "auto" ? (hostTheme() ?? pageTheme(view, system.matches)) : setting.value;
  };
  scope.effect(read);
  scope.listen(system, "change", read);
  const observer = new MutationObserver(read);
  const attributes = { attributes: true, attributeFilter: ATTRIBUTES };
  observer.observe(document.documentElement, attributes);
  observer.observe(document.body, attributes);
  // The view is not in the page yet, and the page may be without its stylesheet.
  const frame = requestAnimationFrame(read);
  scope.listen(window, "load", read);
  scope.onEnd(() => {
    observer.disconnect();
    cancelAnimationFrame(frame);
  });
  return theme;
}

/** The theme of JupyterLab, VS Code, marimo, Colab or Bootstrap; null where none of them sets one. */
function hostTheme(): Theme | null {
  const { body, documentElement: root } = document;
  if (body.dataset.jpThemeLight) return body.dataset.jpThemeLight === "false" ? "dark" : "light";
  const names = [...body.classList, ...root.classList];
  if (names.some((name) => ["vscode-dark", "vscode-high-contrast", "dark", "dark-theme"].includes(name))) return "dark";
  if (names.some((name) => ["vscode-light", "vscode-high-contrast-light", "light"].includes(name))) return "light";
  const attribute = root.getAttribute("theme") ?? root.dataset.bsTheme ?? root.dataset.theme ?? body.dataset.theme;
  return attribute === "dark" || attribute === "light" ? attribute : null;
}

/** Whether what is behind the view is dark: its nearest opaque background, or else that of an empty page. */
function pageTheme(view: Element, isSystemDark: boolean): Theme {
  for (let element = parentOf(view); element; element = parentOf(element)) {
    const parts = getComputedStyle(element).backgroundColor.match(
      /^rgba?\(([\d.]+), ([\d.]+), ([\d.]+)(?:, ([\d.]+))?\)$/,
    );
    if (!parts) continue;
    const [red = 0, green = 0, blue = 0, alpha = 1] = parts.slice(1).map((part) => (part ? Number(part) : undefined));
    if (alpha > 0.5) return 0.299 * red + 0.587 * green + 0.114 * blue < 128 ? "dark" : "light";
  }
  const scheme = getComputedStyle(document.documentElement).colorScheme;
  return isSystemDark && scheme.includes("dark") ? "dark" : "light";
}
