/* plugin.c: texts and JSON for plugins in C. See plugin.h.
 *
 * The JSON reader walks one object and keeps nothing; the host has checked that arguments are
 * JSON and fit the schema. What it does not understand it calls absent, and it never reads
 * beyond the text's length. */

#include "plugin.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void *need(size_t bytes) {
  void *memory = malloc(bytes ? bytes : 1);
  /* The host sees a trap and says that the plugin ran out of memory. */
  if (!memory) abort();
  return memory;
}

skynet_string_t skynet_text(const char *text) {
  skynet_string_t made = {NULL, strlen(text)};
  made.ptr = need(made.len);
  memcpy(made.ptr, text, made.len);
  return made;
}

skynet_string_t skynet_textf(const char *format, ...) {
  va_list arguments, again;
  va_start(arguments, format);
  va_copy(again, arguments);
  int length = vsnprintf(NULL, 0, format, arguments);
  va_end(arguments);
  char *text = need((size_t)(length < 0 ? 0 : length) + 1);
  text[0] = 0;
  if (length >= 0) vsnprintf(text, (size_t)length + 1, format, again);
  va_end(again);
  skynet_string_t made = {(uint8_t *)text, length < 0 ? 0 : (size_t)length};
  return made;
}

char *skynet_cstr(const skynet_string_t *text) {
  char *copy = need(text->len + 1);
  memcpy(copy, text->ptr, text->len);
  copy[text->len] = 0;
  return copy;
}

bool skynet_is(const skynet_string_t *text, const char *other) {
  return text->len == strlen(other) && memcmp(text->ptr, other, text->len) == 0;
}

void skynet_description(exports_skynet_lifecycle_description_t *ret, const char *name, const char *summary, const char *config_schema) {
  memset(ret, 0, sizeof *ret);
  ret->name = skynet_text(name);
  ret->summary = skynet_text(summary);
  ret->config_schema.is_some = config_schema != NULL;
  if (config_schema) ret->config_schema.val = skynet_text(config_schema);
}

void skynet_info(const char *text) {
  skynet_string_t line = {(uint8_t *)text, strlen(text)};
  skynet_log_log(SKYNET_LOG_LEVEL_INFO, &line);
}

/* --- reading JSON ------------------------------------------------------------------------ */

typedef struct {
  const char *at, *end;
} reader;

static void skip_space(reader *r) {
  while (r->at < r->end && (*r->at == ' ' || *r->at == '\t' || *r->at == '\n' || *r->at == '\r')) r->at++;
}

static bool take(reader *r, char wanted) {
  skip_space(r);
  if (r->at >= r->end || *r->at != wanted) return false;
  r->at++;
  return true;
}

/* Four hexadecimal digits after \u. */
static bool hex4(reader *r, unsigned *value) {
  *value = 0;
  for (int i = 0; i < 4; i++) {
    if (r->at >= r->end) return false;
    char c = *r->at++;
    unsigned digit = c >= '0' && c <= '9' ? (unsigned)(c - '0') : c >= 'a' && c <= 'f' ? (unsigned)(c - 'a' + 10) : c >= 'A' && c <= 'F' ? (unsigned)(c - 'A' + 10) : 16u;
    if (digit > 15) return false;
    *value = *value * 16 + digit;
  }
  return true;
}

static char *put_utf8(char *out, unsigned code) {
  if (code < 0x80) {
    *out++ = (char)code;
  } else if (code < 0x800) {
    *out++ = (char)(0xC0 | code >> 6);
    *out++ = (char)(0x80 | (code & 0x3F));
  } else if (code < 0x10000) {
    *out++ = (char)(0xE0 | code >> 12);
    *out++ = (char)(0x80 | (code >> 6 & 0x3F));
    *out++ = (char)(0x80 | (code & 0x3F));
  } else {
    *out++ = (char)(0xF0 | code >> 18);
    *out++ = (char)(0x80 | (code >> 12 & 0x3F));
    *out++ = (char)(0x80 | (code >> 6 & 0x3F));
    *out++ = (char)(0x80 | (code & 0x3F));
  }
  return out;
}

/* What follows a backslash. */
static bool escape(reader *r, char **out) {
  if (r->at >= r->end) return false;
  static const char from[] = "\"\\/bfnrt", to[] = "\"\\/\b\f\n\r\t";
  char c = *r->at++;
  const char *known = c ? strchr(from, c) : NULL;
  if (known) {
    *(*out)++ = to[known - from];
    return true;
  }
  unsigned code, low;
  if (c != 'u' || !hex4(r, &code)) return false;
  if (code >= 0xD800 && code < 0xDC00) {
    if (r->end - r->at < 2 || r->at[0] != '\\' || r->at[1] != 'u') return false;
    r->at += 2;
    if (!hex4(r, &low) || low < 0xDC00 || low > 0xDFFF) return false;
    code = 0x10000 + ((code - 0xD800) << 10) + (low - 0xDC00);
  }
  *out = put_utf8(*out, code);
  return true;
}

/* Goes past a JSON text; keeps nothing. */
static bool skip_text(reader *r) {
  if (!take(r, '"')) return false;
  while (r->at < r->end && *r->at != '"') r->at += *r->at == '\\' && r->end - r->at > 1 ? 2 : 1;
  if (r->at >= r->end) return false;
  r->at++;
  return true;
}

/* A JSON text, unescaped, which is never longer than it was. */
static char *read_text(reader *r) {
  reader whole = *r;
  if (!skip_text(&whole) || !take(r, '"')) return NULL;
  char *text = need((size_t)(whole.at - r->at)), *out = text;
  while (*r->at != '"') {
    char c = *r->at++;
    if (c != '\\') {
      *out++ = c;
    } else if (!escape(r, &out)) {
      free(text);
      return NULL;
    }
  }
  r->at++;
  *out = 0;
  return text;
}

/* Goes past one value of any type. */
static bool skip_value(reader *r) {
  int depth = 0;
  do {
    skip_space(r);
    if (r->at >= r->end) return false;
    char c = *r->at;
    if (c == '"') {
      if (!skip_text(r)) return false;
    } else if (c == '{' || c == '[') {
      depth++;
      r->at++;
    } else if (c == '}' || c == ']') {
      depth--;
      r->at++;
    } else if (c == ',' || c == ':') {
      if (!depth) return false;
      r->at++;
    } else {
      const char *from = r->at;
      while (r->at < r->end && (!*r->at || !strchr(" \t\r\n,:]}\"", *r->at))) r->at++;
      if (r->at == from) return false;
    }
  } while (depth > 0);
  return depth == 0;
}

/* Leaves the reader before the value of that member. */
static bool find(reader *r, const skynet_string_t *object, const char *name) {
  r->at = (const char *)object->ptr;
  r->end = r->at + object->len;
  if (!take(r, '{')) return false;
  if (take(r, '}')) return false;
  do {
    char *key = read_text(r);
    bool found = key && strcmp(key, name) == 0;
    free(key);
    if (!key || !take(r, ':')) return false;
    if (found) {
      skip_space(r);
      return r->at < r->end;
    }
    if (!skip_value(r)) return false;
  } while (take(r, ','));
  return false;
}

char *skynet_json_text(const skynet_string_t *object, const char *name) {
  reader r;
  return find(&r, object, name) ? read_text(&r) : NULL;
}

bool skynet_json_number(const skynet_string_t *object, const char *name, double *value) {
  reader r;
  if (!find(&r, object, name) || !(*r.at == '-' || (*r.at >= '0' && *r.at <= '9'))) return false;
  /* strtod wants an end, which the host's text has not. */
  const char *from = r.at;
  while (r.at < r.end && *r.at && strchr("+-.0123456789Ee", *r.at)) r.at++;
  skynet_string_t number = {(uint8_t *)from, (size_t)(r.at - from)};
  char *copy = skynet_cstr(&number);
  *value = strtod(copy, NULL);
  free(copy);
  return true;
}

bool skynet_json_bool(const skynet_string_t *object, const char *name, bool *value) {
  reader r;
  if (!find(&r, object, name)) return false;
  size_t left = (size_t)(r.end - r.at);
  *value = left >= 4 && memcmp(r.at, "true", 4) == 0;
  return *value || (left >= 5 && memcmp(r.at, "false", 5) == 0);
}

char *skynet_json_quote(const char *text) {
  char *made = need(strlen(text) * 6 + 3), *out = made;
  *out++ = '"';
  for (; *text; text++) {
    unsigned char c = (unsigned char)*text;
    if (c == '"' || c == '\\') {
      *out++ = '\\';
      *out++ = (char)c;
    } else if (c < 0x20) {
      out += sprintf(out, "\\u%04x", c);
    } else {
      *out++ = (char)c;
    }
  }
  *out++ = '"';
  *out = 0;
  return made;
}
