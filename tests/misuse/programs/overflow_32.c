// Writes 32 bytes past the last usable byte, then frees the next block and this
// one.
#include "tests/misuse/misuse.h"

MISUSE(overflow_32) {
  char* a = (char*)Escape(malloc(size));
  char* b = (char*)Escape(malloc(size));
  char* const low = a < b ? a : b;
  char* const high = a < b ? b : a;
  Blame(high);
  memset(low + malloc_usable_size(low), 0x41, 32);
  free(high);
  free(low);
}
