// Writes over the header of a free neighbour: seen when that is handed out, or
// when the block before it is freed.
#include "tests/misuse/misuse.h"

MISUSE(overflow_into_free) {
  char* blocks[64];
  for (int i = 0; i < 64; ++i) blocks[i] = (char*)Escape(malloc(size));
  char* const p = Lowest(blocks, 64);
  const size_t stride = StrideOf(size);
  Blame(p + stride);
  for (int i = 0; i < 64; ++i) {
    if (blocks[i] != p) free(blocks[i]);
  }
  memset(p + stride - 1, 0x41, 1);
  for (int i = 0; i < 64; ++i) Escape(malloc(size));
  free(p);
}
