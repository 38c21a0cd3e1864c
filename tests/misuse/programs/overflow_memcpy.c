// Copies one byte more than the block holds.
#include "tests/misuse/misuse.h"

MISUSE(overflow_memcpy) {
  static char source[1 << 20];
  char* a = (char*)Escape(malloc(size));
  char* b = (char*)Escape(malloc(size));
  char* const low = a < b ? a : b;
  char* const high = a < b ? b : a;
  memset(source, 0x42, sizeof source);
  Blame(high);
  memcpy(Escape(low), source, malloc_usable_size(low) + 1);
  free(high);
  free(low);
}
