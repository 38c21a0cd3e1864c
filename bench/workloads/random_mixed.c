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

struct Worker {
  void** blocks;
  uint32_t* sizes;  // under --smoke only: the tables count in every RSS
  struct BenchRandom random;
};

static bool g_check;
static pthread_barrier_t g_filled;
static pthread_barrier_t g_done;

static long Value(int option) { return g_options[option].value; }

static void Allocate(struct Worker* worker, uint32_t at) {
  size_t size =
      BenchBetween(&worker->random, (size_t)Value(kMin), (size_t)Value(kMax));
  void* block = BenchMalloc(size);
  worker->blocks[at] = block;
  if (g_check) {
    worker->sizes[at] = (uint32_t)size;
    BenchFill(block, size);
  } else {
    BenchTouch(block, size);
  }
}

static void Release(const struct Worker* worker, uint32_t at) {
  if (g_check) BenchVerify(worker->blocks[at], worker->sizes[at]);
  free(worker->blocks[at]);
}

static void* Work(void* context) {
  struct Worker* worker = context;
  uint32_t live = (uint32_t)Value(kLive);
  for (uint32_t i = 0; i < live; ++i) {
    Allocate(worker, i);
  }
  pthread_barrier_wait(&g_filled);
  for (long i = 0; i < Value(kOperations); ++i) {
    uint32_t victim = BenchBelow(&worker->random, live);
    Release(worker, victim);
    Allocate(worker, victim);
  }
  pthread_barrier_wait(&g_done);
  for (uint32_t i = 0; i < live; ++i) Release(worker, i);
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
    workers[i].blocks = BenchMapTouched(live * sizeof(void*));
    if (g_check) workers[i].sizes = BenchMap(live * sizeof(uint32_t));
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
