// Whether two kinds of call can be told apart by the time of their answers (assurance.md F-42): interleaved samples, their
// medians, and the Mann-Whitney U test.
import http from "node:http";
import { performance } from "node:perf_hooks";
import { request } from "../e2e/support.mjs";

const WARM_UP = 100;
const agent = new http.Agent({ keepAlive: true, maxSockets: 1 });

async function timeOf([url, body, options], statuses) {
  const started = performance.now();
  const { status } = await request("POST", url, { body, agent, check: false, ...options });
  const ms = performance.now() - started;
  if (!statuses.includes(status)) throw new Error(`${url}: ${status}`);
  return ms;
}

const median = (values) => {
  const sorted = values.slice().sort((a, b) => a - b), middle = sorted.length >> 1;
  return sorted.length % 2 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2;
};

// Two-sided p of the Mann-Whitney U test, by the normal approximation (thousands of samples; ties get their mean rank).
function mannWhitney(a, b) {
  const all = [...a.map((value) => ({ value, first: true })), ...b.map((value) => ({ value, first: false }))].sort((x, y) => x.value - y.value);
  let rankSum = 0, ties = 0;
  for (let i = 0; i < all.length;) {
    let j = i;
    while (j < all.length && all[j].value === all[i].value) j++;
    for (let k = i; k < j; k++) if (all[k].first) rankSum += (i + j + 1) / 2;
    ties += (j - i) ** 3 - (j - i);
    i = j;
  }
  const n = all.length, u = rankSum - (a.length * (a.length + 1)) / 2, mean = (a.length * b.length) / 2;
  const deviation = Math.sqrt(((a.length * b.length) / 12) * (n + 1 - ties / (n * (n - 1))));
  return erfc(Math.abs(u - mean) / deviation / Math.SQRT2);
}

// Abramowitz and Stegun 7.1.26, good to 1.5e-7.
function erfc(x) {
  const t = 1 / (1 + 0.3275911 * x);
  return t * (0.254829592 + t * (-0.284496736 + t * (1.421413741 + t * (-1.453152027 + t * 1.061405429)))) * Math.exp(-x * x);
}

// Calls for known[i] and unknown[i] in turn, each pair in random order; call(email) is [url, body, options]. Prints the
// outcome; false when the two differ.
export async function compare(name, call, { known, unknown, samples, statuses }) {
  const times = [[], []];
  for (let i = 0; i < samples + WARM_UP; i++) {
    const pair = [known[i % known.length], unknown[i % unknown.length]], order = Math.random() < 0.5 ? [0, 1] : [1, 0];
    for (const which of order) {
      const ms = await timeOf(call(pair[which]), statuses);
      if (i >= WARM_UP) times[which].push(ms);
    }
  }
  const [a, b] = times.map(median), difference = Math.abs(a - b), share = difference / Math.max(a, b), p = mannWhitney(...times);
  const ok = difference < 2 && share < 0.05 && p > 0.01;
  console.log(`${name}: ${samples} each; median known ${a.toFixed(3)} ms, unknown ${b.toFixed(3)} ms; difference ${difference.toFixed(3)} ms = ${(share * 100).toFixed(2)} %; Mann-Whitney p ${p.toFixed(3)}: ${ok ? "pass" : "FAIL"}`);
  return ok;
}

export const finish = () => agent.destroy();
