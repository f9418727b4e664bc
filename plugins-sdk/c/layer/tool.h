/* tool.h: what plugins with tools have beside plugin.h. */
#ifndef SKYNET_TOOL_LAYER_H
#define SKYNET_TOOL_LAYER_H

#include "plugin.h"

#include <stdlib.h>
#include <string.h>

/* One tool. `parameters` is the JSON Schema of an object. */
typedef struct {
  const char *name, *description, *parameters;
  /* What it claims: that it changes nothing; may destroy; changes no more when called again; stays inside
   * of the host. Who claims nothing is taken for one that changes things and reaches outside. */
  bool read_only, destructive, idempotent, closed_world;
} skynet_tool;

/* Answers `tools` with this list. */
static inline void skynet_tools(exports_skynet_tool_list_tool_spec_t *ret, const skynet_tool *tools, size_t count) {
  ret->ptr = calloc(count, sizeof *ret->ptr);
  if (!ret->ptr) abort();
  ret->len = count;
  for (size_t i = 0; i < count; i++) {
    exports_skynet_tool_tool_spec_t *spec = &ret->ptr[i];
    spec->name = skynet_text(tools[i].name);
    spec->description = skynet_text(tools[i].description);
    spec->parameters = skynet_text(tools[i].parameters);
    spec->annotations.read_only = tools[i].read_only && !tools[i].destructive;
    spec->annotations.destructive = tools[i].destructive;
    spec->annotations.idempotent = tools[i].idempotent;
    spec->annotations.open_world = !tools[i].closed_world;
  }
}

/* Answers `call` with one text; give its result back: `return skynet_answer(…)`. */
static inline bool skynet_answer(exports_skynet_tool_outcome_t *ret, skynet_string_t text) {
  memset(ret, 0, sizeof *ret);
  ret->content.ptr = calloc(1, sizeof *ret->content.ptr);
  if (!ret->content.ptr) abort();
  ret->content.len = 1;
  ret->content.ptr[0].tag = SKYNET_TYPES_RESULT_PART_TEXT;
  ret->content.ptr[0].val.text = text;
  return true;
}

/* Answers `call` with an error: EXPORTS_SKYNET_TOOL_TOOL_ERROR_… and a sentence. All its cases
 * with a sentence have that in the same place. */
static inline bool skynet_refuse(exports_skynet_tool_tool_error_t *err, uint8_t tag, skynet_string_t text) {
  memset(err, 0, sizeof *err);
  err->tag = tag;
  err->val.failed = text;
  return false;
}

#endif
