// Frees a slot of the heap that was never handed out.
#include "tests/misuse/misuse.h"

MISUSE(free_never_allocated) {
  char* p = (char*)Escape(malloc(size));
  const size_t stride = malloc_usable_size(p) + 1;
  Blame(p + stride * 3);
  free(Escape(p + stride * 3));
}
