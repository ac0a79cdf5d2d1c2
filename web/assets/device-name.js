// Words for what a client says about itself.

import { words } from "./ui.js";

const PLATFORMS = { win32: "Windows", darwin: "macOS", linux: "Linux", web: "Web browser" };

// In this order: each names those after it, too.
const BROWSERS = [
  ["Edg/", "Edge"],
  ["OPR/", "Opera"],
  ["Firefox/", "Firefox"],
  ["Chrome/", "Chrome"],
  ["Safari/", "Safari"],
];
const SYSTEMS = [
  ["Android", "Android"],
  ["iPhone", "iPhone"],
  ["iPad", "iPad"],
  ["Windows", "Windows"],
  ["Mac OS X", "macOS"],
  ["Linux", "Linux"],
];

const firstIn = (text, pairs) => pairs.find(([mark]) => text.includes(mark))?.[1];

/** "darwin-arm64" → "macOS (arm64)" */
export function platformName(platform) {
  const [system, ...rest] = platform.split("-");
  if (!PLATFORMS[system]) return words(platform);
  return rest.length > 0 ? `${PLATFORMS[system]} (${rest.join(" ")})` : PLATFORMS[system];
}

/** The name of a browser by its User-Agent. */
export function browserName(userAgent) {
  const browser = firstIn(userAgent, BROWSERS);
  const system = firstIn(userAgent, SYSTEMS);
  if (!browser) return userAgent.split(" ")[0] || "Web browser";
  return system ? `${browser} on ${system}` : browser;
}
