// random_mixed: each thread keeps `live` blocks and replaces one of them at
// random, `operations` times. With 256 live blocks everything is in the first
// cache and the instructions count; with 1,000,000 it is the cache misses.
// One operation is one free and one malloc.
//
//   gcc -O2 -static -o random_mixed random_mixed.c support.c -pthread
//   ./random_mixed live=10000 min=16 max=1024 threads=1 operations=5000000
#define _GNU_SOURCE
#include <pthread.h>
#include <stdlib.h>

#include "support.h"

enum { kLive, kMin, kMax, kThreads, kOperations, kSeed };
static struct BenchOption g_options[] = {
    [kLive] = {"live", 1000, 300, NULL},
    [kMin] = {"min", 16, 16, NULL},
    [kMax] = {"max", 256, 2000, NULL},
    [kThreads] = {"threads", 1, 2, NULL},
    [kOperations] = {"operations", 5000000, 20000, NULL},
    [kSeed] = {"seed", 7, 7, NULL},
};
enum { kOptionCount = sizeof g_options / sizeof g_options[0] };

struct Slot {
  void* block;
  size_t size;
};

struct Worker {
  struct Slot* slots;
  struct BenchRandom random;
};

static bool g_check;
static pthread_barrier_t g_filled;
static pthread_barrier_t g_done;

static long Value(int option) { return g_options[option].value; }

static void Allocate(struct Slot* slot, struct BenchRandom* random) {
  slot->size = BenchBetween(random, (size_t)Value(kMin), (size_t)Value(kMax));
  slot->block = BenchMalloc(slot->size);
  if (g_check) {
    BenchFill(slot->block, slot->size);
  } else {
    BenchTouch(slot->block, slot->size);
  }
}

static void Release(struct Slot* slot) {
  if (g_check) BenchVerify(slot->block, slot->size);
  free(slot->block);
}

static void* Work(void* context) {
  struct Worker* worker = context;
  uint32_t live = (uint32_t)Value(kLive);
  for (uint32_t i = 0; i < live; ++i) {
    Allocate(&worker->slots[i], &worker->random);
  }
  pthread_barrier_wait(&g_filled);
  for (long i = 0; i < Value(kOperations); ++i) {
    struct Slot* slot = &worker->slots[BenchBelow(&worker->random, live)];
    Release(slot);
    Allocate(slot, &worker->random);
  }
  pthread_barrier_wait(&g_done);
  for (uint32_t i = 0; i < live; ++i) Release(&worker->slots[i]);
  return NULL;
}

int main(int argc, char** argv) {
  g_check = BenchParse(argc, argv, g_options, kOptionCount);
  int threads = (int)Value(kThreads);
  size_t live = (size_t)Value(kLive);
  if (live < 1 || Value(kMin) < 1 || Value(kMax) < Value(kMin)) {
    BenchFail("random_mixed needs live >= 1 and 1 <= min <= max");
  }
  struct Worker* workers = BenchMap((size_t)(threads + 1) * sizeof *workers);
  for (int i = 0; i < threads; ++i) {
    workers[i].slots = BenchMapTouched(live * sizeof(struct Slot));
    workers[i].random = BenchSeed((uint64_t)(Value(kSeed) + i));
  }
  unsigned parties = (unsigned)threads + 1;
  pthread_barrier_init(&g_filled, NULL, parties);
  pthread_barrier_init(&g_done, NULL, parties);
  BenchSpawn(threads, Work, workers, sizeof *workers);
  pthread_barrier_wait(&g_filled);
  struct BenchTimer timer;
  BenchStart(&timer);
  pthread_barrier_wait(&g_done);
  BenchStop(&timer, (uint64_t)threads * (uint64_t)Value(kOperations));
  BenchJoin();
  BenchReportMemory();
  return 0;
}
