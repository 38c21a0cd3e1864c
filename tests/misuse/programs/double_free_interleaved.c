// Frees a, b, a: a heap that only looks at the last freed block misses it.
#include "tests/misuse/misuse.h"

MISUSE(double_free_interleaved) {
  void* a = Escape(malloc(size));
  void* b = Escape(malloc(size));
  Blame(a);
  free(a);
  free(b);
  free(Escape(a));
}
