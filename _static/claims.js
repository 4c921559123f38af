// The form above the table of claims: shows the rows of one verdict or topic, and keeps the choice in the address.
addEventListener("DOMContentLoaded", () => {
  const form = document.querySelector("form.claims-filter");
  if (!form) return;
  const choices = [...form.querySelectorAll("select")];
  const rows = [...document.querySelectorAll("table.claims tr[data-verdict]")];

  const show = () => {
    const wanted = Object.fromEntries(choices.map(c => [c.name, c.value]));
    let shown = 0;
    for (const row of rows) {
      const { verdict } = row.dataset, { topic } = row.parentElement.dataset;
      row.hidden = (wanted.verdict && wanted.verdict !== verdict) || (wanted.topic && wanted.topic !== topic);
      shown += !row.hidden;
    }
    for (const group of document.querySelectorAll("table.claims tbody"))
      group.hidden = !group.querySelector("tr[data-verdict]:not([hidden])");
    form.querySelector("output").textContent = `${shown} of ${rows.length} claims shown`;
  };
  // #verdict=wrong&topic=training; any other hash, such as that of a row, shows everything.
  const read = () => {
    const wanted = new URLSearchParams(location.hash.slice(1));
    for (const choice of choices) {
      const value = wanted.get(choice.name) ?? "";
      choice.value = [...choice.options].some(o => o.value === value) ? value : "";
    }
    show();
    const row = rows.find(r => `#${r.id}` === location.hash);  // it may have been hidden until now
    if (row || choices.some(c => c.value)) (row ?? form).scrollIntoView();
  };
  const write = () => {
    const wanted = new URLSearchParams(choices.filter(c => c.value).map(c => [c.name, c.value]));
    history.replaceState(null, "", wanted.size ? `#${wanted}` : location.pathname + location.search);
    show();
  };

  form.addEventListener("change", write);
  form.addEventListener("submit", event => event.preventDefault());
  form.addEventListener("reset", () => setTimeout(write));  // the choices change after this event
  addEventListener("hashchange", read);
  form.hidden = false;
  read();
});
