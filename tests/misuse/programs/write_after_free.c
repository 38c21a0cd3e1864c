// Writes to a freed block; the next user of the block must not be misled.
#include "tests/misuse/misuse.h"

MISUSE(write_after_free) {
  void* p = Escape(malloc(size));
  Blame(p);
  free(p);
  memset(Escape(p), 0x41, size);
  for (int i = 0; i < 1000; ++i) Escape(malloc(size));
}
