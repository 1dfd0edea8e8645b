// Adds the viewer's own time to every moment on the page. Nothing depends on it.
for (const element of document.querySelectorAll("time[datetime*='T']")) {
  const moment = new Date(element.dateTime);
  if (!Number.isNaN(moment.getTime())) {
    element.title += ` · ${moment.toLocaleString()} your time`;
  }
}
