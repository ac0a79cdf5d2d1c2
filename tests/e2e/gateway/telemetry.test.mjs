// What clients tell us (gateway.md section 10): kept with bounds, for whoever said it, and forgotten with them.
import assert from "node:assert/strict";
import { test } from "node:test";
import { Visitor, signIn, sql } from "../support.mjs";
import { ideToken, userOf } from "./support.mjs";

const unique = () => `t.${Math.random().toString(36).slice(2)}`;
const rows = (name) => sql(`SELECT user_id, at_us, props FROM telemetry WHERE name = '${name}' ORDER BY telemetry_id`);
const post = (url, body, token) => new Visitor({ token }).post(url, body);

function faulty(answer, ...details) {
  assert.deepEqual([answer.status, answer.body.code], [400, "validation_failed"], answer.text);
  assert.deepEqual(answer.body.details, details.map(([path, message]) => ({ path, message })));
}

test("events are kept, with and without a caller", async () => {
  const person = await signIn(), name = unique();
  const props = { file_count: 3, text: "ä \"quoted\"\n</script>", nested: { a: [1.50, null, true] } };
  const events = [{ name }, { name, ts: "2026-01-31T12:34:56.789Z", props }];
  const answer = await post("/v1/telemetry", { events }, await ideToken(person.email));
  assert.deepEqual([answer.status, answer.body], [202, { accepted: 2 }]);
  const user = String(await userOf(person.email));
  const [first, second] = await rows(name);
  assert.deepEqual(first, [user, "NULL", "NULL"]);
  assert.deepEqual(second.slice(0, 2), [user, "1769862896789000"]);
  const [[text]] = await sql(`SELECT TO_BASE64(props) FROM telemetry WHERE name = '${name}' AND at_us IS NOT NULL`);
  assert.deepEqual(JSON.parse(Buffer.from(text.replace(/\\n/g, ""), "base64").toString()), props);
  const other = unique();
  assert.equal((await post("/v1/telemetry", { events: [{ name: other }] })).status, 202);
  assert.deepEqual(await rows(other), [["NULL", "NULL", "NULL"]]);
  assert.deepEqual((await post("/v1/telemetry", { events: [] })).body, { accepted: 0 });
});

test("50 events at a time, 4 KiB each", async () => {
  const name = unique(), many = (n, event = { name }) => ({ events: Array.from({ length: n }, () => event) });
  assert.deepEqual((await post("/v1/telemetry", many(50))).body, { accepted: 50 });
  assert.equal((await rows(name)).length, 50);
  faulty(await post("/v1/telemetry", many(51)), ["events", "must be at most 50"]);
  const wide = (bytes) => ({ name, props: { x: "y".repeat(bytes - 8) } });
  assert.equal((await post("/v1/telemetry", many(1, wide(4096)))).status, 202);
  faulty(await post("/v1/telemetry", many(2, wide(4097))), ["events[0].props", "must be at most 4096"], ["events[1].props", "must be at most 4096"]);
  assert.equal((await rows(name)).length, 51, "all of a report or nothing");
});

test("events with faults are named, and nothing is kept", async () => {
  const name = unique();
  const answer = await post("/v1/telemetry", { events: [{ name }, { name: "no blanks" }, { name, ts: "2026-02-30T00:00:00Z" }] });
  faulty(answer, ["events[1].name", "has characters that are not allowed"], ["events[2].ts", "must be a time in ISO 8601"]);
  assert.deepEqual(await rows(name), []);
  faulty(await post("/v1/telemetry", { events: [{ name }, 7, {}] }), ["events[1]", "must be of the kind: object"], ["events[2].name", "is required"]);
  for (const events of [undefined, null, {}, "x", [1], [{}], [{ name: "" }], [{ name: "x".repeat(65) }], [{ name: 7 }], [{ name, ts: 1714000000 }],
    [{ name, props: [] }], [{ name, props: "x" }], [{ name: "ä" }], [{ name: "x'; DROP TABLE telemetry; --" }]])
    assert.equal((await post("/v1/telemetry", { events })).status, 400, JSON.stringify(events));
});

test("feedback is kept", async () => {
  const person = await signIn();
  const message = "It works.\nThe button 'Apply' – however – is \"hidden\" 🙂.";
  const all = { message, category: "bug", rating: 5, requestId: "req_0:9", appVersion: "1.2.3-beta+4", more: "is ignored" };
  const { status, body } = await post("/v1/feedback", all, person.token);
  assert.equal(status, 201);
  assert.match(body.id, /^fb_[0-9A-Za-z]{24}$/);
  const [[user, text, ...rest]] = await sql(`SELECT user_id, HEX(message), category, rating, request_id, app_version FROM feedback WHERE public_id = '${body.id}'`);
  assert.equal(user, String(await userOf(person.email)));
  assert.equal(Buffer.from(text, "hex").toString(), message);
  assert.deepEqual(rest, ["bug", "5", "req_0:9", "1.2.3-beta+4"]);
});

test("feedback has bounds", async () => {
  assert.equal((await post("/v1/feedback", { message: "🙂".repeat(4000) })).status, 201);
  faulty(await post("/v1/feedback", { message: "🙂".repeat(4001) }), ["message", "must be at most 4000"]);
  faulty(await post("/v1/feedback", {}), ["message", "is required"]);
  faulty(await post("/v1/feedback", { message: "" }), ["message", "must be at least 1"]);
  faulty(await post("/v1/feedback", { message: "x", rating: 6, requestId: "a b" }), ["rating", "must be at most 5"]);
  faulty(await post("/v1/feedback", { message: "x", requestId: "a b" }), ["requestId", "has characters that are not allowed"]);
  for (const other of [{ rating: 0 }, { rating: 1.5 }, { rating: "5" }, { category: "x".repeat(33) }, { requestId: "x".repeat(129) }, { appVersion: "x".repeat(41) }, { message: ["x"] }])
    assert.equal((await post("/v1/feedback", { message: "x", ...other })).status, 400, JSON.stringify(other));
});

test("a deleted account leaves events without a name, and no feedback", async () => {
  const person = await signIn(), name = unique();
  await post("/v1/telemetry", { events: [{ name }] }, person.token);
  const { body } = await post("/v1/feedback", { message: "bye" }, person.token);
  assert.equal((await person.delete("/api/account", { confirm_email: person.email })).status, 200);
  assert.deepEqual(await rows(name), [["NULL", "NULL", "NULL"]]);
  assert.deepEqual(await sql(`SELECT COUNT(*) FROM feedback WHERE public_id = '${body.id}'`), [["0"]]);
});
