// A request that cannot be met does not bring back what was just freed.
#include "tests/misuse/misuse.h"

MISUSE(reuse_after_refused) {
  void* p = Escape(malloc(size));
  free(p);
  if (Escape(malloc((size_t)1 << 60)) != NULL) Gained("all memory there is");
  if (Escape(malloc(size)) == p) Gained("the block that was just freed");
}
