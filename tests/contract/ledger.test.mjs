// After everything that was done to the stack: its books are right.
import assert from "node:assert/strict";
import { test } from "node:test";
import { turnpike } from "../e2e/support.mjs";

test("no test has left the books wrong", async () => {
  const { status, stdout, stderr } = await turnpike(["ledger", "verify"]);
  assert.equal(status, 0, stderr);
  assert.match(stdout, /^The ledger is right: [1-9]\d* accounts, [1-9]\d* entries/, "there is something to prove");
});
