// Box:   tests/api.   Uses: tests/support.h.
// Holds: hardened: where the next block lies cannot be guessed.
// Read next: hak.c
#include <stdlib.h>

#include "tests/api/api_test.h"
#include "tests/support.h"

enum { kBlocks = 1000 };

static size_t Distance(const char* a, const char* b) {
  return (size_t)(a < b ? b - a : a - b);
}

// How many of the blocks lie beside the one before. `alignment` 0: malloc's.
static int Neighbours(size_t alignment, size_t bytes) {
  static char* blocks[kBlocks];
  size_t least = SIZE_MAX;
  for (int i = 0; i < kBlocks; ++i) {
    blocks[i] = Escape(alignment == 0 ? malloc(bytes)
                                      : aligned_alloc(alignment, bytes));
    CHECK(blocks[i] != NULL);
    if (i == 0) continue;
    const size_t distance = Distance(blocks[i], blocks[i - 1]);
    if (distance < least) least = distance;
  }
  int count = 0;
  for (int i = 1; i < kBlocks; ++i) {
    if (Distance(blocks[i], blocks[i - 1]) == least) ++count;
  }
  for (int i = 0; i < kBlocks; ++i) free(blocks[i]);
  return count;
}

void TestOrder(void) {
  if (!OnHardened()) return;
  // Of a batch of n in any order 2 in n are beside the one before, and n is
  // eight or more. In order all would be.
  for (size_t bytes = 32; bytes <= 4096; bytes *= 2) {
    CHECK_LE(Neighbours(0, bytes), kBlocks * 2 / 5);
    CHECK_LE(Neighbours(32, bytes), kBlocks * 2 / 5);
  }
}
