// Light or dark, as the reader has set it for the site. The theme of the site marks it on the body, where the widget does not
// look.

import type { Model } from "../../traits.ts";
import { showWidget } from "../show.ts";

const ATTRIBUTE = "data-md-color-scheme";

/** Shows the widget in the scheme of the site, also when the reader changes it. */
export function showInSite(model: Model, host: HTMLElement): void {
  const follow = () => model.set("theme", document.body.getAttribute(ATTRIBUTE) === "slate" ? "dark" : "light");
  follow();
  new MutationObserver(follow).observe(document.body, { attributes: true, attributeFilter: [ATTRIBUTE] });
  showWidget(model, host);
}
