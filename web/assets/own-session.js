// What pages for somebody who is signed in share: without a session that is good for everything,
// the way leads to /signin and back.

import { api, token } from "./api.js";
import { $, busy, failure } from "./ui.js";

export function toSignIn(reason) {
  const here = location.pathname.slice(1) + location.search;
  const query = new URLSearchParams({ next: here });
  if (reason) query.set("notice", reason);
  location.replace(`/signin?${query}`);
}

/** Whether the failure means that this session is over, or that its second factor is still due. */
export function sessionOver(cause) {
  if (cause.code === "mfa_required") toSignIn();
  else if (cause.status === 401) toSignIn("session-ended");
  else return false;
  return true;
}

/** Ends this browser's session and goes to `address`; a failure is told in `box`. */
export async function signOut(button, box, address) {
  await busy(button, "Signing out", async () => {
    try {
      await api("POST", "/api/auth/signout");
    } catch (cause) {
      if (cause.status !== 401)
        return failure(box, cause, () => signOut(button, box, address));
    }
    token.clear();
    location.replace(address);
  });
}
