// Frees a block twice in a row.
#include "tests/misuse/misuse.h"

MISUSE(double_free) {
  void* p = Escape(malloc(size));
  Blame(p);
  free(p);
  free(Escape(p));
}
