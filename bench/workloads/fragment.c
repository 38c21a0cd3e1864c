// fragment: an hour of a daemon's life, compressed. Each of `phases` minutes
// has another mix of sizes and another load; most objects live for a few ticks
// (a request), some for a minute (a session), a few for many minutes (tables,
// subscriptions), so that long-lived objects end up scattered among the
// graves of short-lived ones. At its end the daemon is quiet.
// Printed: peak and final resident memory over live bytes, and both curves by
// the minute. Every block is written in full. One operation is one malloc and
// one free.
//
//   gcc -O2 -static -o fragment fragment.c support.c
#include <stdlib.h>
#include <string.h>

#include "support.h"

enum { kPhases, kTicks, kPerTick, kNodes };
static struct BenchOption g_options[] = {
    [kPhases] = {"phases", 60, 6, NULL},
    [kTicks] = {"ticks", 256, 32, NULL},
    [kPerTick] = {"per_tick", 200, 50, NULL},
    [kNodes] = {"nodes", 200000, 20000, NULL},
};
enum { kOptionCount = sizeof g_options / sizeof g_options[0] };

enum { kWheel = 8192 };  // slots of the wheel, one a tick; a power of two

// What dies at one tick is a list of nodes, linked by index; 0 ends it.
struct Node {
  char* block;
  uint32_t size;
  uint32_t next;
};

struct Mix {
  size_t low;
  size_t high;
};

// The small objects of each minute move from one range to the next; two in a
// thousand are buffers.
static const struct Mix kMixes[] = {
    {16, 96}, {48, 640}, {24, 256}, {256, 4096}, {16, 2048}, {96, 1500},
};
static const struct Mix kBuffers = {8192, 131072};

static struct Node* g_nodes;
static uint32_t g_free_nodes;
static uint32_t g_wheel[kWheel];
static size_t g_live;
static size_t g_peak_live;
static bool g_check;

static long Value(int option) { return g_options[option].value; }

static uint32_t Lifetime(struct BenchRandom* random) {
  uint32_t minute = (uint32_t)Value(kTicks);
  uint32_t draw = BenchBelow(random, 100);
  if (draw < 85) return 1 + BenchBelow(random, 4);
  if (draw < 97) return 1 + BenchBelow(random, minute);
  uint32_t life = 1 + BenchBelow(random, 20 * minute);
  return life < kWheel ? life : kWheel - 1;
}

static size_t SizeIn(long phase, struct BenchRandom* random) {
  if (BenchBelow(random, 1000) < 2) {
    return BenchLogBetween(random, kBuffers.low, kBuffers.high);
  }
  const struct Mix* mix = &kMixes[phase % 6];
  return BenchLogBetween(random, mix->low, mix->high);
}

static void Create(long phase, uint32_t tick, struct BenchRandom* random) {
  uint32_t index = g_free_nodes;
  if (index == 0) BenchFail("more live objects than nodes");
  struct Node* node = &g_nodes[index];
  g_free_nodes = node->next;
  node->size = (uint32_t)SizeIn(phase, random);
  node->block = BenchMalloc(node->size);
  if (g_check) {
    BenchFill(node->block, node->size);
  } else {
    memset(node->block, 1, node->size);
  }
  uint32_t death = (tick + Lifetime(random)) & (kWheel - 1);
  node->next = g_wheel[death];
  g_wheel[death] = index;
  g_live += node->size;
  if (g_live > g_peak_live) g_peak_live = g_live;
}

static void Bury(uint32_t slot) {
  uint32_t index = g_wheel[slot];
  g_wheel[slot] = 0;
  while (index != 0) {
    struct Node* node = &g_nodes[index];
    uint32_t next = node->next;
    if (g_check) BenchVerify(node->block, node->size);
    free(node->block);
    g_live -= node->size;
    node->next = g_free_nodes;
    g_free_nodes = index;
    index = next;
  }
}

static void MakeNodes(void) {
  uint32_t count = (uint32_t)Value(kNodes);
  g_nodes = BenchMapTouched((count + 1) * sizeof *g_nodes);
  for (uint32_t i = 1; i < count; ++i) g_nodes[i].next = i + 1;
  g_free_nodes = count > 0 ? 1 : 0;
}

// A busy minute, a middling one, a quiet one; the last one is quiet.
static long LoadOf(long phase) {
  if (phase == Value(kPhases) - 1) return Value(kPerTick) / 8 + 1;
  static const long kPerMille[] = {1000, 500, 125};
  return Value(kPerTick) * kPerMille[phase % 3] / 1000 + 1;
}

static uint64_t RunPhase(long phase, struct BenchRandom* random) {
  uint64_t created = 0;
  for (long i = 0; i < Value(kTicks); ++i) {
    uint32_t tick = (uint32_t)(phase * Value(kTicks) + i);
    Bury(tick & (kWheel - 1));
    long count = LoadOf(phase);
    for (long n = 0; n < count; ++n) Create(phase, tick, random);
    created += (uint64_t)count;
  }
  return created;
}

int main(int argc, char** argv) {
  g_check = BenchParse(argc, argv, g_options, kOptionCount);
  if (Value(kPhases) < 1 || Value(kPhases) > 1000 || Value(kTicks) < 1) {
    BenchFail("needs 1 <= phases <= 1000 and ticks >= 1");
  }
  MakeNodes();
  struct {
    long rss;
    size_t live;
  }* curve = BenchMapTouched((size_t)Value(kPhases) * sizeof *curve);
  struct BenchRandom random = BenchSeed(23);
  long start_rss = BenchRss();
  uint64_t created = 0;
  struct BenchTimer timer;
  BenchStart(&timer);
  for (long phase = 0; phase < Value(kPhases); ++phase) {
    created += RunPhase(phase, &random);
    curve[phase].rss = BenchRss();
    curve[phase].live = g_live;
  }
  BenchStop(&timer, created);
  double mean = 0;
  for (long i = 0; i < Value(kPhases); ++i) {
    double held = (double)(curve[i].rss - start_rss);
    mean += held * 1024 / (double)curve[i].live / (double)Value(kPhases);
    BenchReportAt("rss", (double)i + 1, "KiB", (double)curve[i].rss);
    BenchReportAt("live", (double)i + 1, "KiB", (double)curve[i].live / 1024);
  }
  double peak = (double)(BenchPeakRss() - start_rss) * 1024;
  double held = (double)(BenchRss() - start_rss) * 1024;
  BenchReport("peak_over_live", "ratio", peak / (double)g_peak_live);
  BenchReport("mean_over_live", "ratio", mean);
  BenchReport("final_over_live", "ratio", held / (double)g_live);
  for (uint32_t slot = 0; slot < kWheel; ++slot) Bury(slot);
  BenchReportMemory();
  return 0;
}
