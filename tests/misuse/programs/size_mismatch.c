// Tells free_sized three times the block's size.
#include "tests/misuse/misuse.h"

MISUSE(size_mismatch) {
  void* p = Escape(malloc(size));
  Blame(p);
  if (free_sized != NULL) free_sized(p, size * 3);
}
