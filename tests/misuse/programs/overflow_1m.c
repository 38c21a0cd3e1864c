// Writes 1 MiB past the last usable byte.
#include "tests/misuse/misuse.h"

MISUSE(overflow_1m) {
  char* p = (char*)Escape(malloc(size));
  char* q = (char*)Escape(malloc(size));
  memset(p + malloc_usable_size(p), 0x41, 1 << 20);
  free(q);
  free(p);
}
