// The block that was just freed comes back at once.
#include "tests/misuse/misuse.h"

MISUSE(reuse_at_once) {
  void* p = Escape(malloc(size));
  free(p);
  for (int i = 0; i < 8; ++i) {
    if (Escape(malloc(size)) == p) Gained("the block that was just freed");
  }
}
