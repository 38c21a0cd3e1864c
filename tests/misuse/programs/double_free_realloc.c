// Frees a block that realloc has moved and freed.
#include "tests/misuse/misuse.h"

MISUSE(double_free_realloc) {
  void* p = Escape(malloc(size));
  void* fence = Escape(malloc(size));
  void* q = Escape(realloc(p, size * 40));
  CHECK(fence != NULL && q != NULL);
  if (q == p) exit(0);  // It grew in place: then there is no misuse.
  Blame(p);
  free(Escape(p));
}
