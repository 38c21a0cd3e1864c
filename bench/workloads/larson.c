// larson: a server whose worker threads replace random blocks of a shared
// heap and are themselves replaced by new threads, so that blocks are freed by
// other threads than the ones that allocated them, and outlive those.
//
// The classic parameters may be given by position, as other collections do:
//   larson <seconds> <min> <max> <chunks> <rounds> <seed> <threads>
// e.g. "larson 5 8 1000 5000 100 4141 2" and "larson 1 5 1 1000 100 10000 42".
// In the second one min > max; the original takes sizes from min up to
// min + |max - min| - 1 then (here 5..8 bytes), and so does this.
//
//   gcc -O2 -static -o larson larson.c support.c -pthread
#define _GNU_SOURCE
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "support.h"

enum { kMs, kMin, kMax, kChunks, kRounds, kSeed, kThreads };
static struct BenchOption g_options[] = {
    [kMs] = {"ms", 1000, 40, NULL},
    [kMin] = {"min", 8, 8, NULL},
    [kMax] = {"max", 1000, 1000, NULL},
    [kChunks] = {"chunks", 5000, 200, NULL},
    [kRounds] = {"rounds", 100, 5, NULL},
    [kSeed] = {"seed", 4141, 4141, NULL},
    [kThreads] = {"threads", 2, 3, NULL},
};
enum { kOptionCount = sizeof g_options / sizeof g_options[0] };

struct Worker {
  void** blocks;
  uint64_t operations;
  uint64_t successors;
  struct BenchRandom random;
  char own_line[64];  // workers are counted by different threads
};

static atomic_bool g_stop;
static atomic_int g_running;
static pthread_attr_t g_detached;

static long Value(int option) { return g_options[option].value; }

static size_t RandomSize(struct BenchRandom* random) {
  long range = labs(Value(kMax) - Value(kMin));
  if (range == 0) return (size_t)Value(kMin);
  return (size_t)Value(kMin) + BenchBelow(random, (uint32_t)range);
}

static void ReplaceOne(struct Worker* worker) {
  uint32_t victim = BenchBelow(&worker->random, (uint32_t)Value(kChunks));
  free(worker->blocks[victim]);
  size_t size = RandomSize(&worker->random);
  void* block = BenchMalloc(size);
  BenchTouch(block, size);
  worker->blocks[victim] = block;
}

static void* Work(void* context) {
  struct Worker* worker = context;
  long calls = Value(kRounds) * Value(kChunks);
  for (long i = 0; i < calls; ++i) {
    if (atomic_load_explicit(&g_stop, memory_order_relaxed)) break;
    ReplaceOne(worker);
    ++worker->operations;
  }
  pthread_t successor;
  if (!atomic_load(&g_stop)) {
    ++worker->successors;
    if (pthread_create(&successor, &g_detached, Work, worker) == 0) return NULL;
  }
  atomic_fetch_sub(&g_running, 1);
  return NULL;
}

static void SleepMs(long ms) {
  struct timespec span = {ms / 1000, ms % 1000 * 1000000};
  nanosleep(&span, NULL);
}

// Allocates all blocks from this thread and deals them out at random.
static void FillHeap(void** blocks, size_t count, struct BenchRandom* random) {
  for (size_t i = 0; i < count; ++i) {
    size_t size = RandomSize(random);
    blocks[i] = BenchMalloc(size);
    BenchTouch(blocks[i], size);
  }
  for (size_t i = count; i > 1; --i) {
    size_t other = BenchBelow(random, (uint32_t)i);
    void* swapped = blocks[i - 1];
    blocks[i - 1] = blocks[other];
    blocks[other] = swapped;
  }
}

static bool ParsePositional(int argc, char** argv) {
  if (argc != 8 || strchr(argv[1], '=') != NULL) return false;
  for (int i = 0; i < kOptionCount; ++i) {
    g_options[i].value = strtol(argv[i + 1], NULL, 10);
  }
  g_options[kMs].value *= 1000;
  return true;
}

static void Run(struct Worker* workers, int threads) {
  pthread_attr_init(&g_detached);
  pthread_attr_setdetachstate(&g_detached, PTHREAD_CREATE_DETACHED);
  pthread_attr_setstacksize(&g_detached, 256 * 1024);
  atomic_store(&g_running, threads);
  for (int i = 0; i < threads; ++i) {
    pthread_t thread;
    if (pthread_create(&thread, &g_detached, Work, &workers[i]) != 0) {
      BenchFail("a thread could not be started");
    }
  }
  SleepMs(Value(kMs));
  atomic_store(&g_stop, true);
}

int main(int argc, char** argv) {
  if (!ParsePositional(argc, argv)) {
    BenchParse(argc, argv, g_options, kOptionCount);
  }
  int threads = (int)Value(kThreads);
  size_t chunks = (size_t)Value(kChunks);
  if (threads < 1 || chunks < 1) BenchFail("threads and chunks must not be 0");
  size_t total = chunks * (size_t)threads;
  void** blocks = BenchMapTouched(total * sizeof *blocks);
  struct Worker* workers = BenchMap((size_t)threads * sizeof *workers);
  struct BenchRandom random = BenchSeed((uint64_t)Value(kSeed));
  FillHeap(blocks, total, &random);
  for (int i = 0; i < threads; ++i) {
    workers[i].blocks = blocks + (size_t)i * chunks;
    workers[i].random = BenchSeed(BenchNext(&random));
  }
  struct BenchTimer timer;
  BenchStart(&timer);
  Run(workers, threads);
  while (atomic_load(&g_running) > 0) SleepMs(1);
  uint64_t operations = 0;
  uint64_t successors = 0;
  for (int i = 0; i < threads; ++i) {
    operations += workers[i].operations;
    successors += workers[i].successors;
  }
  BenchStop(&timer, operations);
  BenchReport("threads_started", "count", (double)successors + threads);
  for (size_t i = 0; i < total; ++i) free(blocks[i]);
  BenchReportMemory();
  return 0;
}
