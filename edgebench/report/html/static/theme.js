// Colours: those of the style sheet, and one for each arm, by its place among the claim's arms.

const ARMS = {
  light: ["#1f6fb5", "#c4601a", "#1b8a6b", "#a6428f", "#7a6a00", "#5a5fc0", "#b83a4b", "#4c7a34", "#0f8796", "#7c5a43"],
  dark: ["#6db1ee", "#ee9a5b", "#4fc7a2", "#dd86c8", "#d4c04a", "#a0a4f5", "#f0808f", "#8fc46f", "#4fc3d2", "#c79f86"],
};
const DASHES = ["solid", "dash", "dot", "dashdot", "longdash"];
const dark = window.matchMedia("(prefers-color-scheme: dark)");
let printing = false;

function theme() {
  const style = getComputedStyle(document.documentElement);
  // A page is printed on paper, whatever the screen is.
  const paper = printing && dark.matches;
  const of = (name) => style.getPropertyValue(`--${name}`).trim();
  return {
    fg: paper ? "#000000" : of("fg"),
    muted: paper ? "#444444" : of("muted"),
    line: paper ? "#cccccc" : of("line"),
    bg: paper ? "#ffffff" : of("bg"),
    accent: paper ? "#1f5fae" : of("accent"),
    arms: dark.matches && !paper ? ARMS.dark : ARMS.light,
    verdict: (name) => of(name.replaceAll(" ", "-")),
  };
}

// Beyond the ten colours, lines differ by their dashes.
function armStyle(arms, arm, look) {
  const place = Math.max(0, arms.indexOf(arm));
  const colour = look.arms[place % look.arms.length];
  return { colour, dash: DASHES[Math.floor(place / look.arms.length) % DASHES.length] };
}

function faded(hex, alpha) {
  const [r, g, b] = [1, 3, 5].map((at) => parseInt(hex.slice(at, at + 2), 16));
  return `rgba(${r},${g},${b},${alpha})`;
}

// The library reads some tags in its texts; what a claim says is shown as it stands.
function plain(text) {
  return String(text).replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;");
}
