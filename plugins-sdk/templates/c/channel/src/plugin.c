/* {{title}}: speaks a chat system's language. The host owns sockets, timers and reconnects;
 * this only says what an event means. Here, each text frame is a message of its socket. */

#include "plugin.h"

#include <stdlib.h>
#include <string.h>

void exports_skynet_lifecycle_describe(exports_skynet_lifecycle_description_t *ret) {
  skynet_description(ret, "{{title}}", "Each text frame is a message, each answer a frame.", NULL);
}

/* The error is one sentence for the owner who proposes these settings. */
bool exports_skynet_lifecycle_configure(exports_skynet_lifecycle_json_t *proposed, skynet_string_t *err) {
  (void)proposed, (void)err;
  return true;
}

bool exports_skynet_channel_handle(exports_skynet_channel_event_t *event, exports_skynet_channel_list_action_t *ret, skynet_string_t *err) {
  (void)err;
  memset(ret, 0, sizeof *ret);
  /* A message must be UTF-8, which only frames of text are. */
  bool heard = event->tag == EXPORTS_SKYNET_CHANNEL_EVENT_FRAME && event->val.frame.is_text;
  bool answers = event->tag == EXPORTS_SKYNET_CHANNEL_EVENT_REPLY && !event->val.reply.partial;
  if (!heard && !answers) return true;
  exports_skynet_channel_action_t *action = calloc(1, sizeof *action);
  if (!action) abort();
  if (heard) {
    exports_skynet_channel_frame_t *frame = &event->val.frame;
    action->tag = EXPORTS_SKYNET_CHANNEL_ACTION_MESSAGE;
    exports_skynet_channel_incoming_t *message = &action->val.message;
    message->conversation = skynet_text(skynet_cstr(&frame->source));
    message->sender = frame->source;
    message->message = skynet_text("");
    message->text.ptr = frame->data.ptr;
    message->text.len = frame->data.len;
    message->is_direct = message->mentions_us = true;
  } else {
    action->tag = EXPORTS_SKYNET_CHANNEL_ACTION_SEND;
    action->val.send.source = event->val.reply.conversation;
    action->val.send.data.ptr = event->val.reply.text.ptr;
    action->val.send.data.len = event->val.reply.text.len;
    action->val.send.is_text = true;
  }
  ret->ptr = action;
  ret->len = 1;
  return true;
}
