// Writes one byte past the requested size but inside the usable size: the next
// block is unharmed, only a canary can see it.
#include "tests/misuse/misuse.h"

MISUSE(overflow_slack) {
  char* p = (char*)Escape(malloc(size));
  if (malloc_usable_size(p) == size) p = (char*)Escape(malloc(--size));
  Blame(p);
  p[size] = (char)(p[size] + 1);
  free(p);
}
