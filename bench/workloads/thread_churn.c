// thread_churn: `threads` short threads, at most `at_once` at a time. Each
// allocates `blocks` blocks, frees all but every 16th, and dies; the blocks
// that it leaves are freed by the thread `keep` places later, so that memory
// of dead threads stays in use and comes back late. Shows what a thread costs
// and whether anything of it is left. One operation is one malloc and one free;
// time_per_thread has pthread_create in it.
//
//   gcc -O2 -static -o thread_churn thread_churn.c support.c -pthread
#define _GNU_SOURCE
#include <stdlib.h>

#include "support.h"

enum { kThreads, kBlocks, kAtOnce, kKeep, kMax };
static struct BenchOption g_options[] = {
    [kThreads] = {"threads", 10000, 100, NULL},
    [kBlocks] = {"blocks", 128, 64, NULL},
    [kAtOnce] = {"at_once", 4, 4, NULL},
    [kKeep] = {"keep", 64, 8, NULL},
    [kMax] = {"max", 1024, 1024, NULL},
};
enum { kOptionCount = sizeof g_options / sizeof g_options[0] };

enum { kKeptOf = 16 };

struct Short {
  void** blocks;  // of this thread
  void** kept;    // what an earlier thread left, to be freed; may be NULL
  uint64_t seed;
};

static long Value(int option) { return g_options[option].value; }

static long KeptCount(void) { return (Value(kBlocks) + kKeptOf - 1) / kKeptOf; }

static void* Live(void* context) {
  struct Short* self = context;
  struct BenchRandom random = BenchSeed(self->seed);
  for (long i = 0; i < Value(kBlocks); ++i) {
    size_t size = BenchLogBetween(&random, 16, (size_t)Value(kMax));
    self->blocks[i] = BenchMalloc(size);
    BenchTouch(self->blocks[i], size);
  }
  for (long i = 0; self->kept != NULL && i < KeptCount(); ++i) {
    free(self->kept[i]);
  }
  for (long i = 0; i < Value(kBlocks); ++i) {
    if (i % kKeptOf != 0) free(self->blocks[i]);
  }
  return NULL;
}

// Keeps the blocks that thread number `index` left behind.
static void Collect(const struct Short* one, void** kept) {
  for (long i = 0; i < KeptCount(); ++i) kept[i] = one->blocks[i * kKeptOf];
}

static void** KeptOf(void** table, long index) {
  return table + index % Value(kKeep) * KeptCount();
}

int main(int argc, char** argv) {
  BenchParse(argc, argv, g_options, kOptionCount);
  long at_once = Value(kAtOnce);
  long keep = Value(kKeep);
  long threads = Value(kThreads);
  if (at_once < 1 || at_once > 256 || keep % at_once != 0 || keep < at_once ||
      threads % at_once != 0 || threads < keep || Value(kBlocks) < 1 ||
      Value(kMax) < 16) {
    BenchFail(
        "needs blocks >= 1, max >= 16, 1 <= at_once <= 256, keep and "
        "threads multiples of at_once, threads >= keep");
  }
  struct Short* shorts = BenchMap((size_t)at_once * sizeof *shorts);
  for (long i = 0; i < at_once; ++i) {
    shorts[i].blocks = BenchMapTouched((size_t)Value(kBlocks) * sizeof(void*));
  }
  void** table = BenchMapTouched((size_t)(keep * KeptCount()) * sizeof(void*));
  struct BenchTimer timer;
  BenchStart(&timer);
  uint64_t start = BenchNow();
  for (long first = 0; first < threads; first += at_once) {
    for (long i = 0; i < at_once; ++i) {
      shorts[i].seed = (uint64_t)(first + i + 1);
      shorts[i].kept = first < keep ? NULL : KeptOf(table, first + i);
    }
    BenchSpawn((int)at_once, Live, shorts, sizeof *shorts);
    BenchJoin();
    for (long i = 0; i < at_once; ++i) {
      Collect(&shorts[i], KeptOf(table, first + i));
    }
  }
  uint64_t wall = BenchNow() - start;
  BenchStop(&timer, (uint64_t)(threads * Value(kBlocks)));
  BenchReport("time_per_thread", "ns", (double)wall / (double)threads);
  for (long i = 0; i < keep * KeptCount(); ++i) free(table[i]);
  BenchReportMemory();
  return 0;
}
