// The first word of a block that lies free in its slab, in no cache any more.
#include "tests/misuse/misuse.h"

MISUSE(write_after_flush) {
  enum { kCount = 4000 };
  static void* blocks[kCount];
  for (int i = 0; i < kCount; ++i) blocks[i] = Escape(malloc(size));
  Blame(blocks[1]);
  for (int i = 0; i < kCount; ++i) {
    if (i % 8 != 0) free(blocks[i]);
  }
  *(void**)Escape(blocks[1]) = blocks;
  for (int i = 0; i < kCount; ++i) blocks[i] = Escape(malloc(size));
}
