/* The options of a mode, as milliseconds. */
#include "call_budget.h"

#define MS(seconds) (1000 * (seconds))
#define BUDGET(mode)                                                                \
	{                                                                           \
		MS(o->mode_##mode##_connect_s), MS(o->mode_##mode##_first_byte_s),  \
			MS(o->mode_##mode##_idle_s), MS(o->mode_##mode##_stream_s), \
			MS(o->mode_##mode##_whole_s)                                \
	}

struct call_budget call_budget(const struct options *o, enum chat_mode mode)
{
	const struct call_budget budgets[] = {
		[MODE_CHAT] = BUDGET(chat),
		[MODE_PLAN] = BUDGET(plan),
		[MODE_AGENT] = BUDGET(agent),
		[MODE_TAB] = BUDGET(tab),
	};

	return budgets[mode];
}
