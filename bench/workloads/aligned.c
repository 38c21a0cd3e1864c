// aligned: blocks of alignments 16 .. 4096 from posix_memalign and
// aligned_alloc, replaced at random. Every address is checked; the compare is
// one instruction beside the call. One operation is one free and one
// allocation.
//
//   gcc -O2 -static -o aligned aligned.c support.c
#define _GNU_SOURCE
#include <stdlib.h>

#include "support.h"

enum { kLive, kOperations, kMaxAlign, kMax };
static struct BenchOption g_options[] = {
    [kLive] = {"live", 2000, 200, NULL},
    [kOperations] = {"operations", 2000000, 10000, NULL},
    [kMaxAlign] = {"max_align", 4096, 65536, NULL},
    [kMax] = {"max", 2048, 2048, NULL},
};
enum { kOptionCount = sizeof g_options / sizeof g_options[0] };

static long Value(int option) { return g_options[option].value; }

static void* Allocate(struct BenchRandom* random, int doublings) {
  // Small alignments are the common ones: half of all are 16 or 32.
  uint32_t draw = BenchBelow(random, 2);
  int shift = draw == 0 ? (int)BenchBelow(random, 2)
                        : (int)BenchBelow(random, (uint32_t)doublings);
  size_t alignment = (size_t)16 << shift;
  size_t size = BenchLogBetween(random, 16, (size_t)Value(kMax));
  void* block = NULL;
  if (BenchBelow(random, 2) == 0) {
    if (posix_memalign(&block, alignment, size) != 0) block = NULL;
  } else {
    size = (size + alignment - 1) & ~(alignment - 1);
    block = aligned_alloc(alignment, size);
  }
  if (block == NULL) BenchFail("an aligned allocation failed");
  if (((uintptr_t)block & (alignment - 1)) != 0) {
    BenchFail("a block is not aligned as it was asked for");
  }
  BenchTouch(block, size);
  return block;
}

int main(int argc, char** argv) {
  BenchParse(argc, argv, g_options, kOptionCount);
  uint32_t live = (uint32_t)Value(kLive);
  if (live < 1 || Value(kMaxAlign) < 16 || Value(kMax) < 16) {
    BenchFail("needs live >= 1, max_align >= 16 and max >= 16");
  }
  int doublings = 1;
  while (16L << doublings <= Value(kMaxAlign)) ++doublings;
  void** blocks = BenchMapTouched(live * sizeof *blocks);
  struct BenchRandom random = BenchSeed(5);
  for (uint32_t i = 0; i < live; ++i) {
    blocks[i] = Allocate(&random, doublings);
  }
  struct BenchTimer timer;
  BenchStart(&timer);
  for (long i = 0; i < Value(kOperations); ++i) {
    uint32_t victim = BenchBelow(&random, live);
    free(blocks[victim]);
    blocks[victim] = Allocate(&random, doublings);
  }
  BenchStop(&timer, (uint64_t)Value(kOperations));
  for (uint32_t i = 0; i < live; ++i) free(blocks[i]);
  BenchReportMemory();
  return 0;
}
