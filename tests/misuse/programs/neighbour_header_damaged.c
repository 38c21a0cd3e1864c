// Only the header behind the block is hit, as by a write with a wrong index.
#include "tests/misuse/misuse.h"

MISUSE(neighbour_header_damaged) {
  char* blocks[64];
  for (int i = 0; i < 64; ++i) blocks[i] = (char*)Escape(malloc(size));
  char* const p = Lowest(blocks, 64);
  Blame(p + StrideOf(size));
  memset(p + StrideOf(size) - 1, 0x41, 1);
  free(p);
}
