/* plugin.h: the thin layer over the generated skynet.h that every kind of plugin shares.
 *
 * Memory: each call runs in an instance of its own, which ends with the call. So nothing here
 * needs to be freed, and nothing kept in a static lives on; keep state in skynet_kv_…
 */
#ifndef SKYNET_PLUGIN_LAYER_H
#define SKYNET_PLUGIN_LAYER_H

#include "skynet.h"

/* A copy of a text that the host may take. */
skynet_string_t skynet_text(const char *text);

/* The same, in the manner of printf. */
skynet_string_t skynet_textf(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* A copy that ends in NUL, for the C library. */
char *skynet_cstr(const skynet_string_t *text);

/* Whether the text is this one. */
bool skynet_is(const skynet_string_t *text, const char *other);

/* What people see in lists. `config_schema` is a JSON Schema or NULL. */
void skynet_description(exports_skynet_lifecycle_description_t *ret, const char *name, const char *summary, const char *config_schema);

/* A line for the owner's log. */
void skynet_info(const char *text);

/* Members of a JSON object, such as the arguments of a call, by name. A text comes unescaped;
 * NULL or false when the member is not there or of another type. */
char *skynet_json_text(const skynet_string_t *object, const char *name);
bool skynet_json_number(const skynet_string_t *object, const char *name, double *value);
bool skynet_json_bool(const skynet_string_t *object, const char *name, bool *value);

/* A text as a JSON text, with its quotes. */
char *skynet_json_quote(const char *text);

#endif
