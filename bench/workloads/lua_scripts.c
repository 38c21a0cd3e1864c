// lua_scripts: allocation-heavy Lua scripts, each in a state of its own, with
// Lua's default allocator function, which calls realloc and free. The check
// sums must be the same with every allocator. One operation is one round of a
// script.
//
//   gcc -O2 -static -I/usr/include/lua5.4 -o lua_scripts lua_scripts.c
//   support.c
//       -llua5.4 -lm -ldl          (one line)
//   ./lua_scripts script=strings
#include "lua_scripts.h"

#include <lauxlib.h>
#include <lua.h>
#include <lualib.h>
#include <stdlib.h>

#include "support.h"

enum { kScript, kScale };
enum { kAll, kFirst };
static struct BenchOption g_options[] = {
    [kScript] = {"script", kAll, kAll, "all trees strings tables coroutines"},
    [kScale] = {"scale", 100, 2, NULL},
};
enum { kOptionCount = sizeof g_options / sizeof g_options[0] };

struct Script {
  const char* name;
  const char* text;
  long rounds;  // at scale=100; about the same time for each script
};

static const struct Script kScripts[] = {
    {"trees_sum", kTreesScript, 300},
    {"strings_sum", kStringsScript, 400},
    {"tables_sum", kTablesScript, 1200},
    {"coroutines_sum", kCoroutinesScript, 600},
};
enum { kScriptCount = sizeof kScripts / sizeof kScripts[0] };

static long RunScript(const struct Script* script) {
  long rounds = script->rounds * g_options[kScale].value / 100;
  if (rounds < 1) rounds = 1;
  lua_State* lua = luaL_newstate();
  if (lua == NULL) BenchFail("Lua found no memory for a state");
  luaL_openlibs(lua);
  if (luaL_loadstring(lua, script->text) != LUA_OK) {
    BenchFail(lua_tostring(lua, -1));
  }
  lua_pushinteger(lua, rounds);
  if (lua_pcall(lua, 1, 1, 0) != LUA_OK) BenchFail(lua_tostring(lua, -1));
  BenchReport(script->name, "sum", (double)lua_tonumber(lua, -1));
  lua_close(lua);
  return rounds;
}

int main(int argc, char** argv) {
  BenchParse(argc, argv, g_options, kOptionCount);
  long chosen = g_options[kScript].value;
  uint64_t rounds = 0;
  struct BenchTimer timer;
  BenchStart(&timer);
  for (long i = 0; i < kScriptCount; ++i) {
    if (chosen == kAll || chosen == kFirst + i) {
      rounds += (uint64_t)RunScript(&kScripts[i]);
    }
  }
  BenchStop(&timer, rounds);
  BenchReportMemory();
  return 0;
}
