// Reallocates a block that was freed.
#include "tests/misuse/misuse.h"

MISUSE(realloc_freed) {
  void* p = Escape(malloc(size));
  Blame(p);
  free(p);
  free(Escape(realloc(Escape(p), size * 2)));
}
