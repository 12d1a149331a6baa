// The page's own listener is on the document; this one, on the window, is asked before it at every key.
export default {
  render({ el }) {
    const before = ({ target, key, shiftKey, ctrlKey, metaKey, altKey }) => {
      const page = ctrlKey || metaKey || altKey || (shiftKey && key === "Enter"); // save, run the cell: still the page's
      if (el.closest(".etl-room")?.contains(target)) target.toggleAttribute("data-lm-suppress-shortcuts", !page);
    };
    window.addEventListener("keydown", before, true);
    return () => window.removeEventListener("keydown", before, true);
  },
};
