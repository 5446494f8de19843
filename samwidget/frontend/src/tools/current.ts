// Which tool is in use: the one of the settings, or *pick* while there are found objects to choose from.

import type { ToolName } from "../traits.ts";
import type { View } from "../view.ts";
import { box } from "./box.ts";
import { brush, eraser } from "./brush.ts";
import { outline } from "./outline.ts";
import { pan } from "./pan.ts";
import { pick } from "./pick.ts";
import { exclude, include } from "./point.ts";
import { lasso, polygon } from "./polygon.ts";
import { scribble } from "./scribble.ts";
import { select } from "./select.ts";
import type { Tool } from "./tool.ts";

const TOOLS: Record<ToolName, Tool> = {
  select,
  include,
  exclude,
  box,
  scribble,
  pan,
  brush,
  eraser,
  lasso,
  polygon,
  outline,
};

export function currentTool(view: View): Tool {
  const { session, state } = view;
  const tool = session.everything.isOpen.value ? pick : TOOLS[session.settings.tool.value];
  return state.naming.value ? { ...tool, hint: nameHint } : tool;
}

/** What the next key or click does while a name is being written. */
function nameHint({ state }: View): string {
  const action = state.loneKey.value?.action;
  if (action) return `Type on for a name · click for ${action === "accept" ? "the next object" : action}`;
  return "Enter names and accepts it · Esc drops the name";
}
