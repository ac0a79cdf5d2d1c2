// The one way the pages talk to the API: JSON in, JSON out, every failure an ApiError.
// Owns the session token too, because a 401 must remove it wherever it happens.

const TOKEN_KEY = "turnpike.token";
const TIMEOUT_MS = 20_000;
const DEFAULT_RETRY_S = 60;

const PLAIN_WORDS = {
  400: "The server did not understand the request.",
  401: "Please sign in.",
  403: "You may not do this.",
  404: "This does not exist (any more).",
  413: "This is too large.",
  429: "Too many requests.",
  502: "The service is being restarted or is overloaded.",
  503: "The service is not available at the moment.",
  504: "The service took too long to answer.",
};

/**
 * `status` is 0 when no answer came at all; `code` is then "unreachable" or "timeout". `field` is
 * the member of the request that is at fault, if the server named one.
 */
export class ApiError extends Error {
  constructor({ status, code, message, field = null, retryAfter = null, body = null }) {
    super(message);
    this.name = "ApiError";
    this.status = status;
    this.code = code;
    this.field = field;
    this.retryAfter = retryAfter;
    this.body = body;
  }

  get isNetwork() {
    return this.status === 0;
  }
}

let memoryToken = null;

export const token = {
  get() {
    try {
      return localStorage.getItem(TOKEN_KEY);
    } catch {
      return memoryToken;
    }
  },

  set(value) {
    memoryToken = value;
    try {
      localStorage.setItem(TOKEN_KEY, value);
    } catch {
      // Storage can be forbidden; this tab still works with the copy in memory.
    }
  },

  clear() {
    memoryToken = null;
    try {
      localStorage.removeItem(TOKEN_KEY);
    } catch {
      // Nothing was stored then.
    }
  },

  /** Calls back when another tab signs in (value) or out (null). */
  onChangeElsewhere(callback) {
    addEventListener("storage", (event) => {
      if (event.key === TOKEN_KEY || event.key === null) callback(token.get());
    });
  },
};

// Back may lead to a page that the browser kept as it was, for somebody who has signed out since.
addEventListener("pageshow", (event) => event.persisted && location.reload());

/** Sends one request and returns the Response of a 2xx answer. */
export async function send(method, path, { body, auth = true, cache = "default" } = {}) {
  const headers = { Accept: "application/json" };
  const sent = auth ? token.get() : null;
  if (sent) headers.Authorization = `Bearer ${sent}`;
  if (body !== undefined) headers["Content-Type"] = "application/json";

  let response;
  try {
    response = await fetch(path, {
      method,
      headers,
      cache,
      credentials: "omit",
      body: body === undefined ? undefined : JSON.stringify(body),
      signal: AbortSignal.timeout(TIMEOUT_MS),
    });
  } catch (cause) {
    throw networkError(cause);
  }
  if (response.ok) return response;

  // Another tab may have signed in meanwhile: only the token that was refused goes.
  if (response.status === 401 && sent && token.get() === sent) token.clear();
  throw await httpError(response);
}

export async function api(method, path, options) {
  const response = await send(method, path, options);
  try {
    return response.status === 204 ? {} : await response.json();
  } catch (cause) {
    if (cause instanceof SyntaxError) {
      throw new ApiError({
        status: response.status,
        code: "not_json",
        message: "The server sent an answer this page cannot read.",
      });
    }
    throw networkError(cause);
  }
}

function networkError(cause) {
  if (cause.name === "TimeoutError") {
    return new ApiError({
      status: 0,
      code: "timeout",
      message: "The server did not answer in time.",
    });
  }
  return new ApiError({
    status: 0,
    code: "unreachable",
    message: "The server cannot be reached. Check your connection and try again.",
  });
}

async function httpError(response) {
  const body = await response.json().catch(() => null);
  const { code, message, field } = readError(body ?? {});
  const plain = PLAIN_WORDS[response.status] ?? `Something went wrong (${response.status}).`;
  return new ApiError({
    status: response.status,
    code: text(code) ?? `http_${response.status}`,
    message: text(message) ?? plain,
    field: text(field),
    retryAfter: retryAfter(response, body),
    body,
  });
}

// Each family of the API has its own form of an error.
function readError({ category, message, field, error, code }) {
  if (category) return { code: category, message, field }; // account
  if (code) return { code, message: error }; // gateway
  return { code: error, message, field }; // product
}

const text = (value) => (typeof value === "string" && value ? value : null);

function retryAfter(response, body) {
  const header = Number.parseInt(response.headers.get("Retry-After") ?? "", 10);
  if (Number.isFinite(header)) return Math.max(1, header);
  if (response.status !== 429) return null;
  return Number.isFinite(body?.retry_after)
    ? Math.max(1, Math.ceil(body.retry_after))
    : DEFAULT_RETRY_S;
}
