// Writes over the header of a free neighbour: seen when that is handed out.
#include "tests/misuse/misuse.h"

MISUSE(overflow_into_free) {
  char* blocks[64];
  for (int i = 0; i < 64; ++i) blocks[i] = (char*)Escape(malloc(size));
  char* const p = blocks[40];
  const size_t stride = malloc_usable_size(p) + 1;
  Blame(p + stride);
  for (int i = 0; i < 64; ++i) {
    if (i != 40) free(blocks[i]);
  }
  memset(p + stride - 1, 0x41, 1);
  for (int i = 0; i < 64; ++i) Escape(malloc(size));
}
