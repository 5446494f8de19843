// Which tool is in use: the one of the settings, or *pick* while there are found objects to choose from.

import type { ToolName } from "../traits.ts";
import type { View } from "../view.ts";
import { box } from "./box.ts";
import { pan } from "./pan.ts";
import { pick } from "./pick.ts";
import { exclude, include } from "./point.ts";
import { select } from "./select.ts";
import type { Tool } from "./tool.ts";

const TOOLS: Record<ToolName, Tool> = { select, include, exclude, box, pan };

export function currentTool({ session }: View): Tool {
  return session.everything.isOpen.value ? pick : TOOLS[session.settings.tool.value];
}
