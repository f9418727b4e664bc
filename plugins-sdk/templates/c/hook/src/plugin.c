/* {{title}}: watches what passes. This one blocks tool calls that speak of a secret word. */

#include "plugin.h"

#include <stdlib.h>
#include <string.h>

void exports_skynet_lifecycle_describe(exports_skynet_lifecycle_description_t *ret) {
  skynet_description(ret, "{{title}}", "Blocks tool calls that hold the word xyzzy.", NULL);
}

/* The error is one sentence for the owner who proposes these settings. */
bool exports_skynet_lifecycle_configure(exports_skynet_lifecycle_json_t *proposed, skynet_string_t *err) {
  (void)proposed, (void)err;
  return true;
}

void exports_skynet_hook_points(skynet_list_string_t *ret) {
  ret->ptr = malloc(sizeof *ret->ptr);
  if (!ret->ptr) abort();
  ret->ptr[0] = skynet_text("tool.call");
  ret->len = 1;
}

void exports_skynet_hook_before(skynet_string_t *point, exports_skynet_hook_json_t *payload, exports_skynet_hook_verdict_t *ret) {
  ret->tag = EXPORTS_SKYNET_HOOK_VERDICT_ALLOW;
  if (strstr(skynet_cstr(payload), "xyzzy")) {
    ret->tag = EXPORTS_SKYNET_HOOK_VERDICT_BLOCK;
    ret->val.block = skynet_textf("%s: nobody says that word", skynet_cstr(point));
  }
}

void exports_skynet_hook_after(skynet_string_t *point, exports_skynet_hook_json_t *payload) {
  (void)payload;
  skynet_info(skynet_cstr(point));
}
