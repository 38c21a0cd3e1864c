// The scripts of the lua workload. Each is a chunk that takes the number of
// rounds as its argument and returns a check sum.
#ifndef BENCH_WORKLOADS_LUA_SCRIPTS_H_
#define BENCH_WORKLOADS_LUA_SCRIPTS_H_

// Small tables that live and die in trees, the way parsers use memory.
static const char kTreesScript[] =
    "local rounds = ...\n"
    "local function grow(depth)\n"
    "  if depth == 0 then return {} end\n"
    "  return {grow(depth - 1), grow(depth - 1)}\n"
    "end\n"
    "local function count(tree)\n"
    "  if not tree[1] then return 1 end\n"
    "  return 1 + count(tree[1]) + count(tree[2])\n"
    "end\n"
    "local kept, sum = {}, 0\n"
    "for i = 1, rounds do\n"
    "  local tree = grow(8 + i % 5)\n"
    "  sum = sum + count(tree)\n"
    "  kept[i % 7 + 1] = tree\n"
    "end\n"
    "return sum\n";

// Strings of all lengths: formatting, splitting, replacing, joining.
static const char kStringsScript[] =
    "local rounds = ...\n"
    "local sum = 0\n"
    "for i = 1, rounds do\n"
    "  local parts = {}\n"
    "  for j = 1, 200 do\n"
    "    parts[#parts + 1] = string.format('key%d=%s;', j, ('x'):rep(j))\n"
    "  end\n"
    "  local text = table.concat(parts)\n"
    "  local swapped = text:gsub('key(%d+)=(x+)', '%2:%1')\n"
    "  for word in swapped:gmatch('[^;]+') do sum = sum + #word end\n"
    "  sum = sum + #swapped:upper():reverse()\n"
    "end\n"
    "return sum\n";

// Tables that grow by rehashing and lose keys at random; long-lived ones.
static const char kTablesScript[] =
    "local rounds = ...\n"
    "local seed, store = 42, {}\n"
    "local function random(n)\n"
    "  seed = (seed * 1103515245 + 12345) % 2147483648\n"
    "  return seed // 65536 % n + 1\n"
    "end\n"
    "for i = 1, rounds do\n"
    "  for _ = 1, 500 do\n"
    "    local key = random(4000)\n"
    "    local entry = store[key]\n"
    "    if entry and random(3) == 1 then\n"
    "      store[key] = nil\n"
    "    elseif entry then\n"
    "      entry[#entry + 1] = key * 1.5\n"
    "      if #entry > 60 then store[key] = {key} end\n"
    "    else\n"
    "      store[key] = {name = 'entry ' .. key, at = i}\n"
    "    end\n"
    "  end\n"
    "end\n"
    "local sum = 0\n"
    "for key, entry in pairs(store) do sum = sum + key + #entry end\n"
    "return sum\n";

// Closures and coroutines: stacks are blocks of a kilobyte that are resized.
static const char kCoroutinesScript[] =
    "local rounds = ...\n"
    "local sum = 0\n"
    "for i = 1, rounds do\n"
    "  local workers = {}\n"
    "  for j = 1, 50 do\n"
    "    workers[j] = coroutine.wrap(function(a)\n"
    "      local mine = {}\n"
    "      for k = 1, 8 do\n"
    "        mine[k] = function() return a + k end\n"
    "        a = a + coroutine.yield(mine[k]())\n"
    "      end\n"
    "      return a\n"
    "    end)\n"
    "  end\n"
    "  for k = 1, 8 do\n"
    "    for j = 1, 50 do sum = sum + workers[j](j + k) end\n"
    "  end\n"
    "end\n"
    "return sum\n";

#endif  // BENCH_WORKLOADS_LUA_SCRIPTS_H_
