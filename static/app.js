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

// A part of a page that waits for something looks again by itself: more and more rarely, not while
// nobody sees it, and not for ever. The link beside it does the same by hand.
const LOOKS_FOR_MS = 30 * 60 * 1000;

function lookAgain(part) {
  const until = Date.now() + LOOKS_FOR_MS;
  let seconds = 2;

  const later = () => {
    if (Date.now() < until) setTimeout(look, seconds * 1000);
    seconds = Math.min(seconds * 1.2, 30);
  };

  async function look() {
    if (document.hidden) {
      document.addEventListener("visibilitychange", look, { once: true });
      return;
    }
    try {
      const answer = await fetch(part.dataset.lookAgain, { redirect: "manual" });
      if (!answer.ok) return; // Signed out, or closed by the license.
      const page = new DOMParser().parseFromString(await answer.text(), "text/html");
      if (takeOver(part, page)) later();
    } catch {
      later(); // The server may be starting anew.
    }
  }

  later();
}

// Take over what has changed, so that a screen reader is told of that only; tell whether to go on.
function takeOver(part, page) {
  const fresh = page.getElementById(part.id);
  if (!fresh) return false;
  for (const element of part.querySelectorAll(":scope > [id]")) {
    const other = fresh.querySelector(`:scope > #${element.id}`);
    element.className = other.className;
    if (other.textContent.trim() !== element.textContent.trim()) {
      element.replaceChildren(...other.childNodes);
    }
  }
  return "lookAgain" in fresh.dataset;
}

for (const part of document.querySelectorAll("[data-look-again]")) lookAgain(part);

// Work that is done step by step, each step an address: taken in place, and the result then shown.
// Without scripts the page takes the steps by itself.
async function goOn(part) {
  let address = part.dataset.goOn;
  while (address) {
    let fresh;
    try {
      const answer = await fetch(address, { redirect: "manual" });
      const page = new DOMParser().parseFromString(await answer.text(), "text/html");
      fresh = answer.ok && page.getElementById(part.id);
    } catch {
      return; // The link in the part goes on by hand.
    }
    if (!fresh) break;
    part.replaceChildren(...fresh.childNodes);
    address = fresh.dataset.goOn;
  }
  location.replace(address);
}

for (const part of document.querySelectorAll("[data-go-on]")) goOn(part);

// Who follows a link within the page from a navigation that lies over it wants to see the place.
for (const navigation of document.querySelectorAll("nav[popover]")) {
  navigation.addEventListener("click", (event) => {
    if (event.target.closest("a[href^='#']") && navigation.matches(":popover-open")) {
      navigation.hidePopover();
    }
  });
}
