// The module that the host loads. A host calls the default export once for each widget: what its views share is kept in
// that call and not in the module, so two widgets on a page share nothing.

import type { AnyWidget } from "@anywidget/types";

import { openView } from "./app.ts";
import { Scope } from "./dom.ts";
import { Session } from "./session.ts";
import type { WidgetTraits } from "./traits.ts";

const samwidget: AnyWidget<WidgetTraits> = () => {
  let session: Session | undefined;
  return {
    initialize({ model, signal }) {
      const own = new Session(model, signal);
      session = own;
      return () => own.end();
    },
    render({ model, el, signal }) {
      // Some hosts render without initialize; the view then owns the session.
      const shared = session ?? new Session(model, signal);
      // Older hosts pass no signal and call the returned function instead.
      const scope = new Scope(signal);
      if (shared !== session) scope.onEnd(() => shared.end());
      openView(shared, el, scope);
      return () => scope.end();
    },
  };
};

export default samwidget;
