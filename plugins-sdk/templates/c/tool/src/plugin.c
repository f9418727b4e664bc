/* {{title}}: tools for the model. Say here what they do. */

#include "tool.h"

static const skynet_tool TOOLS[] = {
    {
        .name = "greet",
        .description = "Greets somebody by name.",
        .read_only = true,
        .idempotent = true,
        .closed_world = true,
        .parameters = "{\"type\":\"object\",\"properties\":{\"name\":{\"type\":\"string\",\"description\":\"Whom to greet.\"}},"
                      "\"required\":[\"name\"],\"additionalProperties\":false}",
    },
};

void exports_skynet_lifecycle_describe(exports_skynet_lifecycle_description_t *ret) {
  skynet_description(ret, "{{title}}", "Greets somebody by name.", NULL);
}

/* The error is one sentence for the owner who proposes these settings. */
bool exports_skynet_lifecycle_configure(exports_skynet_lifecycle_json_t *proposed, skynet_string_t *err) {
  (void)proposed, (void)err;
  return true;
}

void exports_skynet_tool_tools(exports_skynet_tool_list_tool_spec_t *ret) {
  skynet_tools(ret, TOOLS, sizeof TOOLS / sizeof *TOOLS);
}

bool exports_skynet_tool_call(skynet_string_t *name, exports_skynet_tool_json_t *arguments, exports_skynet_tool_call_context_t *context,
                              exports_skynet_tool_outcome_t *ret, exports_skynet_tool_tool_error_t *err) {
  (void)context;
  if (skynet_is(name, "greet")) {
    char *whom = skynet_json_text(arguments, "name");
    if (!whom) return skynet_refuse(err, EXPORTS_SKYNET_TOOL_TOOL_ERROR_INVALID_ARGUMENTS, skynet_text("`name` must be a text"));
    return skynet_answer(ret, skynet_textf("Hello, %s.", whom));
  }
  return skynet_refuse(err, EXPORTS_SKYNET_TOOL_TOOL_ERROR_UNKNOWN_TOOL, *name);
}
