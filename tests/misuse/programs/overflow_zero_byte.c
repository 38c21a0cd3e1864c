// The off-by-one of C strings: the terminating 0 lands behind the block, on the
// next block's header.
#include "tests/misuse/misuse.h"

MISUSE(overflow_zero_byte) {
  char* a = (char*)Escape(malloc(size));
  char* b = (char*)Escape(malloc(size));
  char* const low = a < b ? a : b;
  char* const high = a < b ? b : a;
  Blame(high);
  low[malloc_usable_size(low)] = '\0';
  free(high);
  free(low);
}
