// The icons: one path each on a 24 x 24 grid, drawn as lines; colour and size come from the stylesheet.

const PATHS = {
  select: "M5.5 3.5 19 11.2l-6 1.9-2.9 5.9z",
  include: "M20 12a8 8 0 1 1-16 0 8 8 0 0 1 16 0zM12 8.5v7M8.5 12h7",
  exclude: "M20 12a8 8 0 1 1-16 0 8 8 0 0 1 16 0zM8.5 12h7",
  box: "M4 9V7.5A1.5 1.5 0 0 1 5.5 6H7m3.5 0h3M17 6h1.5A1.5 1.5 0 0 1 20 7.5V9m0 6v1.5a1.5 1.5 0 0 1-1.5 1.5H17m-3.5 0h-3M7 18H5.5A1.5 1.5 0 0 1 4 16.5V15",
  pan: "M8 13V6a1.5 1.5 0 0 1 3 0v5-6.5a1.5 1.5 0 0 1 3 0V11 6a1.5 1.5 0 0 1 3 0v8.2a6 6 0 0 1-6 6c-2.8 0-4.2-1.5-5.4-3.9l-1.7-3.3a1.5 1.5 0 0 1 2.5-1.6z",
  everything:
    "M6 4.5h3A1.5 1.5 0 0 1 10.5 6v3A1.5 1.5 0 0 1 9 10.5H6A1.5 1.5 0 0 1 4.5 9V6A1.5 1.5 0 0 1 6 4.5zM15 4.5h3A1.5 1.5 0 0 1 19.5 6v3a1.5 1.5 0 0 1-1.5 1.5h-3A1.5 1.5 0 0 1 13.5 9V6A1.5 1.5 0 0 1 15 4.5zM6 13.5h3a1.5 1.5 0 0 1 1.5 1.5v3A1.5 1.5 0 0 1 9 19.5H6A1.5 1.5 0 0 1 4.5 18v-3A1.5 1.5 0 0 1 6 13.5zM15 13.5h3a1.5 1.5 0 0 1 1.5 1.5v3a1.5 1.5 0 0 1-1.5 1.5h-3a1.5 1.5 0 0 1-1.5-1.5v-3a1.5 1.5 0 0 1 1.5-1.5z",
  undo: "M8.5 7 4 11.5 8.5 16M4.5 11.5H14a5.5 5.5 0 0 1 5.5 5.5v.5",
  redo: "m15.5 7 4.5 4.5-4.5 4.5M19.5 11.5H10A5.5 5.5 0 0 0 4.5 17v.5",
  fit: "M4 9V5.5A1.5 1.5 0 0 1 5.5 4H9m6 0h3.5A1.5 1.5 0 0 1 20 5.5V9m0 6v3.5a1.5 1.5 0 0 1-1.5 1.5H15m-6 0H5.5A1.5 1.5 0 0 1 4 18.5V15",
  help: "M20.5 12a8.5 8.5 0 1 1-17 0 8.5 8.5 0 0 1 17 0zM9.6 9.6a2.45 2.45 0 1 1 3.6 2.15c-.8.45-1.2.9-1.2 1.75M12 16.6h.01",
  eye: "M2.5 12S6 5.5 12 5.5 21.5 12 21.5 12 18 18.5 12 18.5 2.5 12 2.5 12zM14.8 12a2.8 2.8 0 1 1-5.6 0 2.8 2.8 0 0 1 5.6 0z",
  hidden:
    "M4 4l16 16M9.9 5.75A9 9 0 0 1 12 5.5c6 0 9.5 6.5 9.5 6.5a17 17 0 0 1-3 3.7M6.2 7.6A16 16 0 0 0 2.5 12S6 18.5 12 18.5a9 9 0 0 0 4.3-1.05M9.9 10.2a2.8 2.8 0 0 0 3.9 3.9",
  trash: "M4.5 7h15M9.5 7V4.5h5V7M6.5 7l.8 12.5h9.4L17.5 7M10.2 10.5V16M13.8 10.5V16",
  alert: "M12 4.5 21 19.5H3zM12 10v4.5M12 17h.01",
  check: "M5 12.5 10 17.5 19.5 7",
  close: "M6.5 6.5l11 11M17.5 6.5l-11 11",
} as const;

export type IconName = keyof typeof PATHS;

const SVG = "http://www.w3.org/2000/svg";

/** An icon that assistive technology ignores: the control around it has the label. */
export function icon(name: IconName): SVGSVGElement {
  const svg = document.createElementNS(SVG, "svg");
  svg.setAttribute("class", "sw-icon");
  svg.setAttribute("viewBox", "0 0 24 24");
  svg.setAttribute("aria-hidden", "true");
  const path = document.createElementNS(SVG, "path");
  path.setAttribute("d", PATHS[name]);
  svg.append(path);
  return svg;
}
