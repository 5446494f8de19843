// Search in a page that is opened as a file: there the browser starts no worker, so its script runs in a hidden frame.
if (location.protocol === "file:") {
  window.Worker = class extends EventTarget {
    constructor(url) {
      super();
      const frame = document.createElement("iframe");
      frame.hidden = true;
      frame.srcdoc = `<script>
        postMessage = (data) => frameElement.dispatchEvent(new MessageEvent("message", { data }));
        importScripts = () => Promise.resolve();
      </script><script src="${url}"></script>`;
      frame.addEventListener("message", ({ data }) => this.dispatchEvent(new MessageEvent("message", { data })));
      this.loaded = new Promise((resolve) => frame.addEventListener("load", () => resolve(frame.contentWindow)));
      document.body.append(frame);
    }

    postMessage(data) {
      this.loaded.then((target) => target.dispatchEvent(new MessageEvent("message", { data })));
    }
  };
}
