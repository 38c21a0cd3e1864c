// The block was handed out again before the second free: that one takes the new
// owner's block away, and only the owner's own free can be seen.
#include "tests/misuse/misuse.h"

MISUSE(double_free_after_reuse) {
  void* p = Escape(malloc(size));
  free(p);
  void* q = Escape(malloc(size));
  Blame(q);
  free(Escape(p));
  free(q);
}
