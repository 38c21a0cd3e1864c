// large_blocks: `live` blocks of min .. max bytes (every doubling equally
// likely), each page touched, replaced at random. An allocator that gives each
// of them back to the kernel at once pays in page faults, one that keeps them
// all pays in resident memory. One operation is one free and one malloc with
// the touching.
//
//   gcc -O2 -static -o large_blocks large_blocks.c support.c
#include <stdlib.h>

#include "support.h"

enum { kLive, kMin, kMax, kOperations, kCalloc };
static struct BenchOption g_options[] = {
    [kLive] = {"live", 16, 8, NULL},
    [kMin] = {"min", 16384, 16384, NULL},
    [kMax] = {"max", 33554432, 2097152, NULL},
    [kOperations] = {"operations", 1000, 200, NULL},
    [kCalloc] = {"calloc", 0, 0, NULL},
};
enum { kOptionCount = sizeof g_options / sizeof g_options[0] };

static long Value(int option) { return g_options[option].value; }

static void* Allocate(struct BenchRandom* random) {
  size_t size =
      BenchLogBetween(random, (size_t)Value(kMin), (size_t)Value(kMax));
  if (Value(kCalloc) == 0) {
    void* block = BenchMalloc(size);
    BenchTouch(block, size);
    return block;
  }
  unsigned char* block = calloc(1, size);
  if (block == NULL) BenchFail("calloc returned NULL");
  for (size_t i = 0; i < size; i += 4096) {
    if (block[i] != 0) BenchFail("calloc returned memory that is not zero");
  }
  BenchTouch(block, size);
  return block;
}

int main(int argc, char** argv) {
  BenchParse(argc, argv, g_options, kOptionCount);
  uint32_t live = (uint32_t)Value(kLive);
  if (live < 1 || Value(kMin) < 1 || Value(kMax) < Value(kMin)) {
    BenchFail("needs live >= 1 and 1 <= min <= max");
  }
  void** blocks = BenchMapTouched(live * sizeof *blocks);
  struct BenchRandom random = BenchSeed(3);
  struct BenchTimer timer;
  BenchStart(&timer);
  for (long i = 0; i < Value(kOperations); ++i) {
    uint32_t victim = BenchBelow(&random, live);
    free(blocks[victim]);
    blocks[victim] = Allocate(&random);
  }
  BenchStop(&timer, (uint64_t)Value(kOperations));
  for (uint32_t i = 0; i < live; ++i) free(blocks[i]);
  BenchReportMemory();
  return 0;
}
