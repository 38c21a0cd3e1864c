// Everything that can raise a Lua error (out of memory, above all) runs inside
// lua_pcall; the record under construction lives in struct Call, outside Lua,
// so that an error cannot lose it.
//
// Read next: rules.lua, server.c

#include "tests/daemon/rules.h"

#include <lauxlib.h>
#include <lua.h>
#include <lualib.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct Rules {
  lua_State* lua;
  atomic_size_t bytes;
};

struct Call {
  const char* text;
  size_t length;
  struct Record* record;
};

void RecordFree(struct Record* record) {
  if (record == NULL) return;
  for (size_t i = 0; i < record->reading_count; ++i) {
    free(record->readings[i].metric);
    free(record->readings[i].quantity);
  }
  for (size_t i = 0; i < record->alert_count; ++i) {
    free(record->alerts[i].rule);
    free(record->alerts[i].text);
  }
  free(record->readings);
  free(record->alerts);
  free(record->device);
  free(record->doc);
  free(record);
}

// The libraries the rules need.  Not luaL_openlibs: that links dlopen() for
// `require`, and the rules have no business with files.
static void OpenLibraries(lua_State* lua) {
  static const luaL_Reg kLibraries[] = {
      {LUA_GNAME, luaopen_base},        {LUA_TABLIBNAME, luaopen_table},
      {LUA_STRLIBNAME, luaopen_string}, {LUA_MATHLIBNAME, luaopen_math},
      {LUA_UTF8LIBNAME, luaopen_utf8},
  };
  for (size_t i = 0; i < sizeof kLibraries / sizeof kLibraries[0]; ++i) {
    luaL_requiref(lua, kLibraries[i].name, kLibraries[i].func, 1);
    lua_pop(lua, 1);
  }
}

// Runs protected: argument 1 is the path of the rules file, a char*.
static int Load(lua_State* lua) {
  const char* file = lua_touserdata(lua, 1);
  OpenLibraries(lua);
  const char* slash = strrchr(file, '/');
  lua_pushlstring(lua, file, slash == NULL ? 0 : (size_t)(slash + 1 - file));
  lua_pushliteral(lua, "json.lua");
  lua_concat(lua, 2);
  if (luaL_loadfilex(lua, file, "t") != LUA_OK) return lua_error(lua);
  if (luaL_loadfilex(lua, lua_tostring(lua, 2), "t") != LUA_OK) {
    return lua_error(lua);
  }
  lua_call(lua, 0, 1);  // json.lua returns its table ...
  lua_call(lua, 1, 0);  // ... which the rules get as their argument
  if (lua_getglobal(lua, "apply") != LUA_TFUNCTION) {
    return luaL_error(lua, "%s defines no function apply", file);
  }
  return 0;
}

struct Rules* RulesOpen(const char* file, char* why, size_t size) {
  struct Rules* rules = calloc(1, sizeof *rules);
  lua_State* lua = rules == NULL ? NULL : luaL_newstate();
  if (lua == NULL) {
    snprintf(why, size, "out of memory");
    free(rules);
    return NULL;
  }
  lua_gc(lua, LUA_GCGEN, 0, 0);
  lua_pushcfunction(lua, Load);
  lua_pushlightuserdata(lua, (void*)file);
  if (lua_pcall(lua, 1, 0, 0) != LUA_OK) {
    const char* message = lua_tostring(lua, -1);
    snprintf(why, size, "%s", message == NULL ? "no message" : message);
    lua_close(lua);
    free(rules);
    return NULL;
  }
  rules->lua = lua;
  return rules;
}

void RulesClose(struct Rules* rules) {
  if (rules == NULL) return;
  lua_close(rules->lua);
  free(rules);
}

size_t RulesBytes(const struct Rules* rules) {
  return atomic_load_explicit(&rules->bytes, memory_order_relaxed);
}

static void* Must(lua_State* lua, void* block) {
  if (block == NULL) luaL_error(lua, "not enough memory");
  return block;
}

// Copies field `name` of the table on top of the stack.
static char* CopyField(lua_State* lua, const char* name) {
  lua_getfield(lua, -1, name);
  char* copy = Must(lua, strdup(luaL_checkstring(lua, -1)));
  lua_pop(lua, 1);
  return copy;
}

static double NumberField(lua_State* lua, const char* name) {
  lua_getfield(lua, -1, name);
  double value = luaL_checknumber(lua, -1);
  lua_pop(lua, 1);
  return value;
}

static int64_t IntegerField(lua_State* lua, const char* name) {
  lua_getfield(lua, -1, name);
  int64_t value = luaL_checkinteger(lua, -1);
  lua_pop(lua, 1);
  return value;
}

// Grows an array of `size`-byte items by the one at index `count`, zeroed.
static void* Grow(lua_State* lua, void* items, size_t count, size_t size) {
  char* grown = Must(lua, realloc(items, (count + 1) * size));
  memset(grown + count * size, 0, size);
  return grown;
}

static void CopyReadings(lua_State* lua, struct Record* record) {
  lua_getfield(lua, -1, "readings");
  lua_Integer count = luaL_len(lua, -1);
  for (lua_Integer i = 1; i <= count; ++i) {
    lua_geti(lua, -1, i);
    record->readings = Grow(lua, record->readings, record->reading_count,
                            sizeof record->readings[0]);
    struct Reading* reading = &record->readings[record->reading_count++];
    reading->metric = CopyField(lua, "metric");
    reading->quantity = CopyField(lua, "quantity");
    reading->value = NumberField(lua, "value");
    reading->low = NumberField(lua, "low");
    reading->high = NumberField(lua, "high");
    lua_pop(lua, 1);
  }
  lua_pop(lua, 1);
}

static void CopyAlerts(lua_State* lua, struct Record* record) {
  lua_getfield(lua, -1, "alerts");
  lua_Integer count = luaL_len(lua, -1);
  for (lua_Integer i = 1; i <= count; ++i) {
    lua_geti(lua, -1, i);
    record->alerts = Grow(lua, record->alerts, record->alert_count,
                          sizeof record->alerts[0]);
    struct Alert* alert = &record->alerts[record->alert_count++];
    alert->rule = CopyField(lua, "rule");
    alert->text = CopyField(lua, "text");
    lua_pop(lua, 1);
  }
  lua_pop(lua, 1);
}

// Runs protected: argument 1 is a struct Call.
static int Apply(lua_State* lua) {
  struct Call* call = lua_touserdata(lua, 1);
  lua_getglobal(lua, "apply");
  lua_pushlstring(lua, call->text, call->length);
  lua_call(lua, 1, 1);
  call->record = Must(lua, calloc(1, sizeof *call->record));
  struct Record* record = call->record;
  record->device = CopyField(lua, "device");
  record->at = IntegerField(lua, "at");
  record->sum = IntegerField(lua, "sum");
  record->text_bytes = IntegerField(lua, "text_bytes");
  record->doc = CopyField(lua, "doc");
  record->doc_length = strlen(record->doc);
  CopyReadings(lua, record);
  CopyAlerts(lua, record);
  return 0;
}

struct Explanation {
  enum Verdict verdict;
  char* why;
  size_t size;
};

// Runs protected: argument 1 is an error value, 2 a struct Explanation.
static int Explain(lua_State* lua) {
  static const struct {
    const char* field;
    enum Verdict verdict;
  } kKinds[] = {{"malformed", kMalformed}, {"rejected", kRejected}};
  struct Explanation* explanation = lua_touserdata(lua, 2);
  const char* message = lua_tostring(lua, 1);
  for (size_t i = 0; lua_istable(lua, 1) && message == NULL && i < 2; ++i) {
    lua_getfield(lua, 1, kKinds[i].field);
    message = lua_tostring(lua, -1);
    if (message != NULL) explanation->verdict = kKinds[i].verdict;
  }
  if (message != NULL) {
    snprintf(explanation->why, explanation->size, "%s", message);
  }
  return 0;
}

enum Verdict RulesApply(struct Rules* rules, const char* text, size_t length,
                        struct Record** record, char* why, size_t size) {
  lua_State* lua = rules->lua;
  struct Call call = {text, length, NULL};
  lua_pushcfunction(lua, Apply);
  lua_pushlightuserdata(lua, &call);
  struct Explanation explanation = {kAccepted, why, size};
  if (lua_pcall(lua, 1, 0, 0) != LUA_OK) {
    explanation.verdict = kExhausted;
    snprintf(why, size, "not enough memory");
    // If even this fails, it stays at that.
    lua_pushcfunction(lua, Explain);
    lua_insert(lua, -2);
    lua_pushlightuserdata(lua, &explanation);
    lua_pcall(lua, 2, 0, 0);
    RecordFree(call.record);
    call.record = NULL;
  }
  lua_settop(lua, 0);
  size_t bytes = (size_t)lua_gc(lua, LUA_GCCOUNT, 0) * 1024;
  atomic_store_explicit(&rules->bytes, bytes, memory_order_relaxed);
  *record = call.record;
  return explanation.verdict;
}
