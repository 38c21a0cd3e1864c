// The memory of the block went back to the system before the second free.
#include "tests/misuse/misuse.h"

MISUSE(double_free_of_purged) {
  enum { kBytes = 16 << 20 };
  static void* blocks[kBytes / 24];
  const size_t count = kBytes / (size < 24 ? 24 : size);
  for (size_t i = 0; i < count; ++i) {
    blocks[i] = memset(Escape(malloc(size)), 1, size);
  }
  Blame(blocks[count / 2]);
  for (size_t i = 0; i < count; ++i) free(blocks[i]);
  free(Escape(blocks[count / 2]));
}
