// Search in a site that is opened from its folder: from file:// browsers start no worker, and the theme's search is
// one. Here it runs in a hidden frame, with what it needs of a worker's interface. MkDocs' plugin `offline` loads a
// script of this name from the network unless it is there.
if (location.protocol === "file:") {
  window.Worker = class extends EventTarget {
    constructor(url) {
      super();
      const frame = document.createElement("iframe");
      frame.hidden = true;
      frame.answer = (data) => this.dispatchEvent(new MessageEvent("message", { data }));
      this.frame = new Promise((loaded) => frame.addEventListener("load", () => loaded(frame.contentWindow)));
      frame.srcdoc = `<script>postMessage = frameElement.answer</script><script src="${url}"></script>`;
      document.body.append(frame);
    }

    async postMessage(data) {
      (await this.frame).dispatchEvent(new MessageEvent("message", { data }));
    }
  };
}
