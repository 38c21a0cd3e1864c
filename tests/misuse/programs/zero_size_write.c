// Writes to a block of 0 bytes, just past what is usable of it.
#include "tests/misuse/misuse.h"

MISUSE(zero_size_write) {
  char* p = (char*)Escape(malloc(Opaque(0)));
  char* q = (char*)Escape(malloc(Opaque(0)));
  char* const low = p < q ? p : q;
  Blame(p < q ? q : p);
  memset(low + malloc_usable_size(low), 0x41, 1);
  free(p);
  free(q);
}
