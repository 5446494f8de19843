// Small parts of a lesson's page.

export function element<K extends keyof HTMLElementTagNameMap>(
  tag: K,
  attributes: Record<string, string> = {},
  ...children: (Node | string)[]
): HTMLElementTagNameMap[K] {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) made.setAttribute(name, value);
  made.append(...children);
  return made;
}

export function button(label: string, onClick: () => void, kind = ""): HTMLButtonElement {
  const made = element("button", { type: "button", class: `sw-lesson-button ${kind}`.trim() }, label);
  made.addEventListener("click", onClick);
  return made;
}
