/* {{title}}: answers as a model. This one says back what it was told. */

#include "plugin.h"

#include <stdlib.h>
#include <string.h>

void exports_skynet_lifecycle_describe(exports_skynet_lifecycle_description_t *ret) {
  skynet_description(ret, "{{title}}", "Says back what it was told.", NULL);
}

/* The error is one sentence for the owner who proposes these settings. */
bool exports_skynet_lifecycle_configure(exports_skynet_lifecycle_json_t *proposed, skynet_string_t *err) {
  (void)proposed, (void)err;
  return true;
}

bool exports_skynet_provider_models(exports_skynet_provider_list_model_info_t *ret, exports_skynet_provider_provider_error_t *err) {
  (void)err;
  ret->ptr = calloc(1, sizeof *ret->ptr);
  if (!ret->ptr) abort();
  ret->ptr[0].id = skynet_text("echo");
  ret->ptr[0].name = skynet_text("Echo");
  ret->len = 1;
  return true;
}

/* The first text of the last message that a person wrote. */
static skynet_string_t *said(exports_skynet_provider_completion_request_t *request) {
  for (size_t i = request->messages.len; i-- > 0;) {
    exports_skynet_provider_message_t *message = &request->messages.ptr[i];
    if (message->role != SKYNET_TYPES_ROLE_USER) continue;
    for (size_t j = 0; j < message->parts.len; j++) {
      if (message->parts.ptr[j].tag == SKYNET_TYPES_PART_TEXT) return &message->parts.ptr[j].val.text;
    }
  }
  return NULL;
}

static bool answer(exports_skynet_provider_completion_request_t *request, exports_skynet_provider_borrow_delta_sink_t sink,
                   exports_skynet_provider_completion_t *ret, exports_skynet_provider_provider_error_t *err) {
  skynet_string_t *text = said(request);
  if (!text) {
    err->tag = EXPORTS_SKYNET_PROVIDER_PROVIDER_ERROR_INVALID_REQUEST;
    err->val.invalid_request = skynet_text("nobody said anything");
    return false;
  }
  skynet_delta_sink_delta_t delta = {.tag = SKYNET_DELTA_SINK_DELTA_TEXT, .val.text = skynet_textf("You said: %s", skynet_cstr(text))};
  skynet_delta_sink_list_delta_t deltas = {&delta, 1};
  skynet_delta_sink_emit_error_t refused;
  if (!skynet_delta_sink_method_delta_sink_emit(sink, &deltas, &refused)) {
    err->tag = EXPORTS_SKYNET_PROVIDER_PROVIDER_ERROR_CANCELLED;
    return false;
  }
  memset(ret, 0, sizeof *ret);
  ret->stop.tag = SKYNET_DELTA_SINK_STOP_REASON_END_TURN;
  return true;
}

/* The sink is lent for this one call, and given back however it ends: a call that keeps it is ended by the host. */
bool exports_skynet_provider_complete(exports_skynet_provider_completion_request_t *request, exports_skynet_provider_borrow_delta_sink_t sink,
                                      exports_skynet_provider_completion_t *ret, exports_skynet_provider_provider_error_t *err) {
  bool done = answer(request, sink, ret, err);
  skynet_delta_sink_delta_sink_drop_borrow(sink);
  return done;
}
