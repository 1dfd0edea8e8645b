// Small comforts. Every page works without this file.

// Each moment also tells the viewer's own time.
for (const element of document.querySelectorAll("time[datetime*='T']")) {
  const moment = new Date(element.dateTime);
  if (!Number.isNaN(moment.getTime())) {
    element.title += ` · ${moment.toLocaleString()} your time`;
  }
}

// Texts to be taken elsewhere get a copy button, where the browser lets a page copy.
if (navigator.clipboard) {
  for (const button of document.querySelectorAll("[data-copy]")) {
    const label = button.querySelector("span");
    const before = label.textContent;
    button.hidden = false;
    button.addEventListener("click", async () => {
      const text = button.parentElement.querySelector(".copyable-text").textContent;
      try {
        await navigator.clipboard.writeText(text);
        label.textContent = "Copied";
      } catch {
        label.textContent = "Select and copy it";
      }
      setTimeout(() => { label.textContent = before; }, 2000);
    });
  }
}
