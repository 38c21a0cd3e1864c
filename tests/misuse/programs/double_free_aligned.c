// Frees a block of memalign twice.
#include "tests/misuse/misuse.h"

MISUSE(double_free_aligned) {
  void* p = Escape(memalign(256, size));
  Blame(p);
  free(p);
  free(Escape(p));
}
