// The block that is freed is sound, the header of the one after it is not.
#include "tests/misuse/misuse.h"

MISUSE(neighbour_damaged) {
  char* a = (char*)Escape(malloc(size));
  char* b = (char*)Escape(malloc(size));
  char* const low = a < b ? a : b;
  Blame(a < b ? b : a);
  memset(low + malloc_usable_size(low), 0x41, 1);
  free(low);
}
