// burst_idle: a burst, then silence. `threads` threads fill memory to `total`
// MiB together, free it (keep=0) or all but one block in `keep`, scattered at
// random, and then do nothing, as a daemon does: nobody calls the allocator any
// more, and the threads are blocked. Resident memory is sampled over the next
// `idle` milliseconds. Printed besides: start_rss before the first block,
// burst_rss at the top, survivor_pages (what the pages that surviving blocks
// lie on add up to), excess_2s (RSS after two idle seconds over the start) and
// held_over_survivors (that, divided by survivor_pages).
// One operation is one malloc and one free.
//
//   gcc -O2 -static -o burst_idle burst_idle.c support.c -pthread
//   ./burst_idle keep=16
#define _GNU_SOURCE
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "support.h"

enum { kThreads, kTotal, kKeep, kIdle, kMin, kMax };
static struct BenchOption g_options[] = {
    [kThreads] = {"threads", 8, 4, NULL}, [kTotal] = {"total", 160, 8, NULL},
    [kKeep] = {"keep", 0, 16, NULL},      [kIdle] = {"idle", 10000, 50, NULL},
    [kMin] = {"min", 16, 16, NULL},       [kMax] = {"max", 2048, 2048, NULL},
};
enum { kOptionCount = sizeof g_options / sizeof g_options[0] };

struct Slot {
  char* block;
  size_t size;
};

struct Worker {
  struct Slot* slots;
  size_t capacity;
  size_t used;
  uint64_t seed;
};

static pthread_barrier_t g_turn;

static long Value(int option) { return g_options[option].value; }

// Measured, so that the tables are no larger than they must be: they count in
// every resident size that is printed.
static size_t AverageSize(void) {
  struct BenchRandom random = BenchSeed(1);
  size_t sum = 0;
  for (int i = 0; i < 4096; ++i) {
    sum += BenchLogBetween(&random, (size_t)Value(kMin), (size_t)Value(kMax));
  }
  return sum / 4096 + 1;
}

static void Fill(struct Worker* worker) {
  struct BenchRandom random = BenchSeed(worker->seed);
  size_t budget = ((size_t)Value(kTotal) << 20) / (size_t)Value(kThreads);
  size_t bytes = 0;
  while (bytes < budget && worker->used < worker->capacity) {
    struct Slot* slot = &worker->slots[worker->used++];
    slot->size =
        BenchLogBetween(&random, (size_t)Value(kMin), (size_t)Value(kMax));
    slot->block = BenchMalloc(slot->size);
    memset(slot->block, 1, slot->size);
    bytes += slot->size;
  }
}

static void FreeMost(struct Worker* worker) {
  struct BenchRandom random = BenchSeed(worker->seed + 1000);
  long keep = Value(kKeep);
  for (size_t i = 0; i < worker->used; ++i) {
    if (keep != 0 && BenchBelow(&random, (uint32_t)keep) == 0) continue;
    free(worker->slots[i].block);
    worker->slots[i].block = NULL;
  }
}

static void* Work(void* context) {
  struct Worker* worker = context;
  pthread_barrier_wait(&g_turn);  // start_rss is read
  pthread_barrier_wait(&g_turn);
  Fill(worker);
  pthread_barrier_wait(&g_turn);  // burst_rss is read
  pthread_barrier_wait(&g_turn);
  FreeMost(worker);
  pthread_barrier_wait(&g_turn);  // the idle time
  pthread_barrier_wait(&g_turn);
  for (size_t i = 0; i < worker->used; ++i) free(worker->slots[i].block);
  return NULL;
}

// A set of page numbers, open addressing; 0 is an empty place.
struct PageSet {
  uintptr_t* places;
  size_t mask;
  size_t count;
};

static void InsertPage(struct PageSet* set, uintptr_t page) {
  size_t at = (page * 0x9E3779B97F4A7C15ULL >> 20) & set->mask;
  while (set->places[at] != 0 && set->places[at] != page) {
    at = (at + 1) & set->mask;
  }
  if (set->places[at] == 0) ++set->count;
  set->places[at] = page;
}

static size_t SurvivorPages(const struct Worker* workers, struct PageSet* set) {
  for (long w = 0; w < Value(kThreads); ++w) {
    for (size_t i = 0; i < workers[w].used; ++i) {
      const struct Slot* slot = &workers[w].slots[i];
      if (slot->block == NULL) continue;
      uintptr_t last = ((uintptr_t)slot->block + slot->size - 1) >> 12;
      for (uintptr_t page = (uintptr_t)slot->block >> 12; page <= last;
           ++page) {
        InsertPage(set, page);
      }
    }
  }
  return set->count;
}

// Samples RSS at growing distances from now; returns what it was at 2 s (or
// at the end, when the idle time is shorter).
static long SampleIdle(uint64_t start) {
  static const long kAtMs[] = {0,    10,   50,   100,  250,  500,
                               1000, 1500, 2000, 3000, 4000, 5000,
                               6000, 7000, 8000, 9000, 10000};
  long at_two = BenchRss();
  for (size_t i = 0; i < sizeof kAtMs / sizeof kAtMs[0]; ++i) {
    if (kAtMs[i] > Value(kIdle)) break;
    uint64_t due = start + (uint64_t)kAtMs[i] * 1000000u;
    uint64_t now = BenchNow();
    if (now < due) {
      struct timespec span = {(time_t)((due - now) / 1000000000u),
                              (long)((due - now) % 1000000000u)};
      nanosleep(&span, NULL);
    }
    long rss = BenchRss();
    if (kAtMs[i] <= 2000) at_two = rss;
    BenchReportAt("rss", (double)kAtMs[i] / 1000, "KiB", (double)rss);
  }
  return at_two;
}

static void Run(struct Worker* workers, struct PageSet* set) {
  pthread_barrier_wait(&g_turn);
  long start_rss = BenchRss();
  struct BenchTimer timer;
  BenchStart(&timer);
  pthread_barrier_wait(&g_turn);
  pthread_barrier_wait(&g_turn);
  BenchReport("start_rss", "KiB", (double)start_rss);
  BenchReport("burst_rss", "KiB", (double)BenchRss());
  pthread_barrier_wait(&g_turn);
  pthread_barrier_wait(&g_turn);
  uint64_t blocks = 0;
  for (long i = 0; i < Value(kThreads); ++i) blocks += workers[i].used;
  BenchStop(&timer, blocks);
  long excess = SampleIdle(BenchNow()) - start_rss;
  double survivors = (double)SurvivorPages(workers, set) * 4;
  BenchReport("survivor_pages", "KiB", survivors);
  BenchReport("excess_2s", "KiB", (double)excess);
  if (survivors > 0) {
    BenchReport("held_over_survivors", "ratio", (double)excess / survivors);
  }
  pthread_barrier_wait(&g_turn);
  BenchJoin();
}

int main(int argc, char** argv) {
  BenchParse(argc, argv, g_options, kOptionCount);
  long threads = Value(kThreads);
  if (threads < 1 || threads > 64 || Value(kMin) < 1 ||
      Value(kMax) < Value(kMin) || Value(kTotal) < 1) {
    BenchFail("needs 1 <= threads <= 64, 1 <= min <= max and total >= 1");
  }
  struct Worker* workers = BenchMap((size_t)threads * sizeof *workers);
  size_t capacity =
      ((size_t)Value(kTotal) << 20) / (size_t)threads / AverageSize();
  capacity += capacity / 16 + 64;
  for (long i = 0; i < threads; ++i) {
    workers[i].capacity = capacity;
    workers[i].slots = BenchMapTouched(capacity * sizeof(struct Slot));
    workers[i].seed = (uint64_t)i + 1;
  }
  // Survivors only, and never more pages than the burst can have.
  size_t places = 1024;
  while (places < ((size_t)Value(kTotal) << 20) / 4096 * 8) places *= 2;
  struct PageSet set = {NULL, places - 1, 0};
  set.places = BenchMap(places * sizeof *set.places);
  pthread_barrier_init(&g_turn, NULL, (unsigned)threads + 1);
  BenchSpawn((int)threads, Work, workers, sizeof *workers);
  Run(workers, &set);
  BenchReportMemory();
  return 0;
}
