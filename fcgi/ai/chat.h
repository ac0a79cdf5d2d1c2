/* One call of a model, whatever dialect it is asked and answered in. A client's request is read
 * into a struct chat or fim; the dialect of an upstream writes it as that upstream wants it, and
 * reads the answer back as events; a writer turns the events into what the client expects. So each
 * dialect knows itself and these shapes, and no other dialect.
 *
 * Nothing here knows money, users, or the network. Texts live in the arena that was given, those of
 * an event until the next one. Source: gateway.md section 2, upstreams.md sections 10 to 12. */
#ifndef TURNPIKE_CHAT_H
#define TURNPIKE_CHAT_H

#include "../core/buf.h"
#include "../core/errors.h"

struct json_object;

enum chat_role { ROLE_SYSTEM, ROLE_USER, ROLE_ASSISTANT, ROLE_TOOL };

enum part_kind { PART_TEXT, PART_IMAGE_DATA, PART_IMAGE_URL };

struct chat_part {
	enum part_kind kind;
	const char *text;	/* the text; base64; the address */
	size_t length;		/* of it */
	const char *media_type; /* of PART_IMAGE_DATA: "image/png" */
	const char *detail;	/* of an image; may be NULL */
};

struct tool_call {
	const char *id, *name;
	const char *arguments; /* JSON text as the model wrote it; may not parse */
};

struct chat_message {
	enum chat_role role;
	const struct chat_part *part;
	size_t n_parts;
	const struct tool_call *call; /* of an assistant */
	size_t n_calls;
	const char *tool_call_id; /* of ROLE_TOOL */
};

struct chat_tool {
	const char *name, *description; /* the latter may be NULL */
	const char *parameters;		/* JSON schema as text; may be NULL */
	struct opt_bool strict;
};

enum tool_choice { CHOICE_UNSET, CHOICE_AUTO, CHOICE_NONE, CHOICE_REQUIRED, CHOICE_NAMED };

enum answer_format { FORMAT_TEXT, FORMAT_JSON_OBJECT, FORMAT_JSON_SCHEMA };

enum chat_mode { MODE_CHAT, MODE_PLAN, MODE_AGENT, MODE_TAB };

/* What chat and completions have in common. Numbers that are only passed on stay JSON texts. */
struct sampling {
	i64 max_tokens;				/* 0: not asked */
	const char *temperature, *top_p, *seed; /* NULL: not asked */
	const char *const *stop;
	size_t n_stop;
};

struct chat {
	const char *model;
	enum chat_mode mode;
	bool is_stream, include_usage;
	struct sampling sampling;
	const struct chat_message *message;
	size_t n_messages;
	const struct chat_tool *tool;
	size_t n_tools;
	enum tool_choice tool_choice;
	const char *tool_choice_name;
	struct opt_bool parallel_tool_calls;
	enum answer_format format;
	const char *response_format;  /* as the client wrote it, JSON text, or NULL */
	const char *response_schema;  /* of FORMAT_JSON_SCHEMA: the schema in it; may be NULL */
	const char *reasoning_effort; /* or NULL */
	const char *user;	      /* or NULL */
	i64 input_bytes;	      /* of messages and tools, without images; see MESSAGE_BYTES */
	i64 n_images;
};

/* What a message costs beside its text: the frame that every model's template puts around it. */
enum { MESSAGE_BYTES = 12 };

/* Fill in the middle: POST /v1/completions. */
struct fim_context {
	const char *path, *content;
};

struct fim {
	const char *model, *prefix, *suffix, *language, *path; /* the last two may be NULL */
	bool is_stream, include_usage;
	struct sampling sampling;
	const struct fim_context *context;
	size_t n_context;
	i64 input_bytes; /* with what a chat model must be told of its task */
};

/* Reads a client's body in the gateway's shape. 0, or E_INVALID_FIELD with every fault noted
 * ("messages[3].content[0].image_url.url"); gateway.md sections 2.1 and 2.5. Texts are those of
 * body, which must outlive ret. */
int chat_read(struct arena *a, struct json_object *body, struct chat *ret, struct fail *fail);
int fim_read(struct arena *a, struct json_object *body, struct fim *ret, struct fail *fail);

/* --- what a model says ------------------------------------------------------------------------ */

/* `input` excludes what was read from or written to the cache; `output` includes reasoning, and
 * `cache_write` includes what is kept there for an hour. */
struct token_counts {
	i64 input, cached, cache_write, cache_write_1h, output, reasoning;
};

enum finish { FINISH_STOP, FINISH_LENGTH, FINISH_TOOL_CALLS, FINISH_CONTENT_FILTER };

extern const char *const finish_names[]; /* "stop" ... */

enum chat_event_kind {
	EVENT_START, /* once, before all others but an error: the upstream has begun to answer */
	EVENT_TEXT,
	EVENT_REASONING,
	EVENT_REFUSAL,
	EVENT_TOOL_START, /* index, id, name */
	EVENT_TOOL_INPUT, /* index, text: a fragment of the arguments */
	EVENT_FINISH,
	EVENT_USAGE, /* so far; each replaces the one before */
	EVENT_ERROR, /* the upstream gave up in the middle; text is its message */
	EVENT_END,   /* the upstream said that this was all */
};

struct chat_event {
	enum chat_event_kind kind;
	const char *text; /* NUL-terminated, whole UTF-8 characters, no NUL inside */
	size_t length;
	size_t index; /* of the tool call: 0, 1, 2 */
	const char *id, *name;
	enum finish finish;
	struct token_counts usage;
	int status; /* of EVENT_ERROR: the HTTP status it stands for, 0: unknown */
};

/* Receives events; a result other than 0 ends the reading and is handed through. */
typedef int chat_sink(void *arg, const struct chat_event *event);

/* In which header an upstream wants its key. */
enum key_header { KEY_AS_USUAL, KEY_BEARER, KEY_X_API_KEY }; /* the first: as its dialect has it */

/* What the catalog says of the model as this upstream knows it. */
struct upstream_model {
	const char *name;	    /* the upstream's */
	const char *api_version;    /* of Anthropic; NULL: the default */
	const char *fim_template;   /* "qwen", "starcoder", "codellama", "deepseek"; NULL: suffix */
	i64 max_tokens;		    /* what was reserved: never ask for more; above 0 */
	bool pass_sampling;	    /* temperature and top_p are accepted */
	bool has_reasoning;	    /* reasoning_effort is understood */
	bool max_completion_tokens; /* OpenAI's newer name of max_tokens is the one it takes */
	bool has_json_schema;	    /* Anthropic: output_config.format is understood */
	enum key_header key_header;
	bool no_stream_usage; /* OpenAI: stream_options is not understood */
	bool no_prefill;      /* Anthropic: the last message must not be the assistant's */
};

enum { UPSTREAM_HEADERS_MAX = 8 };

struct upstream_call {
	/* Below the provider's base URL, which is what the vendor's own client calls so:
	 * "https://api.openai.com/v1", "https://api.anthropic.com", "https://api.mistral.ai". */
	const char *path;
	const char *below; /* follows the path, whichever it is; NULL: nothing */
	const char *header[UPSTREAM_HEADERS_MAX]; /* "Name: value", ends with NULL; with the key */
	const char *body;
	size_t body_length;
};

/* Reads one answer. Made with dialect->reader(); lives in its arena. */
struct answer_reader;

/* A client's call in this dialect, which goes on as it is (anthropic_client.h). */
struct raw_call;

struct dialect_upstream {
	const char *name; /* "openai", "anthropic", "fim_openai", "fim_mistral", ... */
	/* Writes the call. E_BAD_REQUEST when the dialect cannot say it. Either may be NULL. */
	int (*write_chat)(struct arena *a, const struct chat *chat, const struct upstream_model *m,
		const char *key, struct upstream_call *ret, struct fail *fail);
	int (*write_fim)(struct arena *a, const struct fim *fim, const struct upstream_model *m,
		const char *key, struct upstream_call *ret, struct fail *fail);
	/* NULL: clients do not speak this dialect with us. */
	void (*write_raw)(struct arena *a, const struct raw_call *raw,
		const struct upstream_model *m, const char *key, struct upstream_call *ret);
	struct answer_reader *(*reader)(struct arena *a, chat_sink *sink, void *arg);
	bool fim_is_chat; /* write_fim() asks a chat model; fim_filter unwraps its answer */
	/* An HTTP error of this upstream: its message (never NULL) and type, from its body. */
	void (*read_error)(struct arena *a, const char *body, size_t length,
		const char **ret_message, const char **ret_type);
};

extern const struct dialect_upstream *const dialects_upstream[]; /* ends with NULL */
const struct dialect_upstream *dialect_upstream_find(const char *name);

/* Bytes of a streamed answer, cut anywhere. 0; E_UPSTREAM_ERROR when they make no sense (the cause
 * says why); or what the sink returned. Nothing is read after EVENT_END and EVENT_ERROR. */
int answer_feed(struct answer_reader *reader, const char *data, size_t length, struct fail *fail);
/* The stream is over: E_UPSTREAM_ERROR when it was cut before its end, which EVENT_END or
 * EVENT_ERROR is. */
int answer_end(struct answer_reader *reader, struct fail *fail);
/* A whole answer that was not streamed, as the same events. */
int answer_whole(struct answer_reader *reader, const char *body, size_t length, struct fail *fail);

/* Between a reader and the sink of a completion: takes off the beginning of the suffix where the
 * model repeats it, and what a chat model wraps code in. Give it to reader() as the sink. */
struct fim_filter;
struct fim_filter *fim_filter_new(struct arena *a, const struct fim *fim,
	const struct dialect_upstream *dialect, chat_sink *sink, void *arg);
int fim_filter_event(void *filter, const struct chat_event *event);

/* --- what the client gets --------------------------------------------------------------------- */

enum client_shape { SHAPE_CHAT, SHAPE_COMPLETION };

/* Writes events as chunks of a stream or as one body. */
struct client_writer {
	enum client_shape shape;
	const char *id, *model; /* "chatcmpl-...", as the client named the model */
	i64 created_s;
	bool include_usage;
	bool error_object; /* the client asked for errors as objects (X-Error-Format: openai) */
	struct buf out;	   /* frames to send, or the body; the caller empties it */
	/* private */
	struct buf head; /* what every chunk begins with */
	bool has_role, is_finished;
	enum finish finish;
	struct buf text, reasoning, refusal;
	struct client_call *call;
	size_t n_calls, calls_capacity;
	struct arena *arena;
};

/* What the bill adds to the usage. */
struct client_usage {
	struct token_counts tokens;
	i64 credits_hundredths; /* creditsUsed, 1e-2 credits, rounded up */
};

void client_writer_init(struct client_writer *w, struct arena *a, enum client_shape shape,
	const char *id, const char *model, i64 created_s, bool include_usage);
/* Appends the frames of one event to w->out (stream); that of EVENT_START says the role.
 * EVENT_FINISH is kept back until client_stream_end(), because the usage rides on it. */
void client_stream_event(struct client_writer *w, const struct chat_event *event);
/* The last frames: finish, usage, [DONE]. usage NULL: nothing is known. */
void client_stream_end(struct client_writer *w, const struct client_usage *usage);
/* A failure after the first byte: error frame and [DONE]. */
void client_stream_error(
	struct client_writer *w, const char *message, const char *code, const char *request_id);
/* Keeps an event for the one body, from the last EVENT_START on; then writes it to w->out. */
void client_body_event(struct client_writer *w, const struct chat_event *event);
void client_body_end(struct client_writer *w, const struct client_usage *usage);

#endif
