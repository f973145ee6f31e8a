// One claim at a time, by the address's fragment, so that links, bookmarks and the back button work.

const articles = [...document.querySelectorAll(".claim")];
const title = document.title;
let left = 0; // how far the overview was scrolled

function asked() {
  let fragment = location.hash.slice(1);
  try { fragment = decodeURIComponent(fragment); } catch { /* shown as it stands */ }
  return fragment.startsWith("claim/") ? document.getElementById(fragment) : null;
}

function step(link, article) {
  link.href = article ? `#claim/${article.dataset.id}` : "#";
  link.setAttribute("aria-disabled", String(!article));
  link.tabIndex = article ? 0 : -1;
  if (article) link.title = article.dataset.id;
}

function view() {
  const wanted = asked();
  const opened = document.querySelector(".claim.open");
  if (!opened) left = window.scrollY;
  opened?.classList.remove("open");
  document.documentElement.classList.toggle("claim-open", Boolean(wanted));
  if (!wanted) {
    document.title = title;
    if (opened) {
      window.scrollTo(0, left);
      document.querySelector(`#table a[href="${CSS.escape(`#claim/${opened.dataset.id}`)}"]`)?.focus({ preventScroll: true });
    }
    return;
  }
  wanted.classList.add("open");
  const place = articles.indexOf(wanted);
  step(wanted.querySelector(".previous"), articles[place - 1]);
  step(wanted.querySelector(".next"), articles[place + 1]);
  document.title = `${wanted.dataset.id} · ${title}`;
  window.scrollTo(0, 0);
  wanted.querySelector("h1").focus({ preventScroll: true });
  showPlots(wanted);
}

document.addEventListener("keydown", (event) => {
  const typing = event.target.closest?.("input, select, textarea");
  if (event.key === "Escape" && !typing && document.querySelector(".claim.open")) location.hash = "";
});
document.querySelector(".skip").addEventListener("click", (event) => {
  event.preventDefault(); // its fragment would name no view
  document.getElementById("items").scrollIntoView();
  document.getElementById("items").focus({ preventScroll: true });
});
window.addEventListener("hashchange", view);
view();
