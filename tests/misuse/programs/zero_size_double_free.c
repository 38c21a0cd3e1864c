// Frees a block of 0 bytes twice.
#include "tests/misuse/misuse.h"

MISUSE(zero_size_double_free) {
  void* p = Escape(malloc(Opaque(0)));
  Blame(p);
  free(p);
  free(Escape(p));
}
