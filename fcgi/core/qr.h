/* Text as a QR code, to be shown by an <img>. */
#ifndef TURNPIKE_QR_H
#define TURNPIKE_QR_H

#include "errors.h"

/* "data:image/svg+xml;utf8,..." and "data:image/png;base64,...": black on white, with the quiet
 * zone of four modules around. 0, or E_INTERNAL when the text is too long. */
int qr_data_urls(struct arena *a, struct fail *fail, const char *text, const char **ret_svg,
	const char **ret_png);

#endif
