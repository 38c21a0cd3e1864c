// Tells free_sized a third of the block's size.
#include "tests/misuse/misuse.h"

MISUSE(size_mismatch_smaller) {
  void* p = Escape(malloc(size));
  Blame(p);
  if (free_sized != NULL) free_sized(p, size / 3);
}
