// Whatever is wider than its box can be scrolled with the keyboard as well.
(() => {
  const boxes = "div.math, mjx-container[display=true], .bd-article table";
  const update = () => document.querySelectorAll(boxes).forEach(box => {
    if (box.scrollWidth > box.clientWidth + 1) box.tabIndex = 0;
    else box.removeAttribute("tabindex");
  });
  const start = () => { update(); window.MathJax?.startup?.promise?.then(update); };
  addEventListener("load", start);
  addEventListener("resize", update);
})();
