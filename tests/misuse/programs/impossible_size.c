// Asks for what cannot be; the answer is NULL and life goes on.
#include "tests/misuse/misuse.h"

MISUSE(impossible_size) {
  CHECK(Escape(malloc(Opaque(PTRDIFF_MAX) + size)) == NULL);
  CHECK(Escape(calloc(Opaque(SIZE_MAX) / 2, size)) == NULL);
  CHECK(Escape(malloc(Opaque(0) - size)) == NULL);
  void* p = Escape(malloc(size));
  CHECK(p != NULL);
  free(p);
}
